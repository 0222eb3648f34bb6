"""`make train-face_detector` and `make train-age_gender`: from the data to the exported weights."""
