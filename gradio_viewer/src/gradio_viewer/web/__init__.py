"""What the browser loads beside Gradio: style sheets and scripts, each for one part of the page."""
