"""The page: upload photographs, watch them being analysed, look at the results."""
