"""The contents of a folder of pictures: sizes, damage, copies, classes, and what cropping does to them."""
