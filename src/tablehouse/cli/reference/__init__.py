"""The generated reference pages (`tablehouse docs`): Markdown made from what the code declares, one page to a file."""
