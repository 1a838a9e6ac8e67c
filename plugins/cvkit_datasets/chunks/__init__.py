"""Data sets that LitData or MosaicML Streaming (MDS) wrote."""
