"""Containers: find the blocks of EXIF, XMP and IPTC in files of each format."""
