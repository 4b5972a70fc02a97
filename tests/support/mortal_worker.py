"""An ingest worker whose decoder processes die of a picture of one colour.

Its model claims to run on a GPU, so that its decoders are processes.
"""

if __name__ == "__main__":
    # Not above: a decoder process loads this module, too.
    from tests.support.mortal_decoders import MortalPreprocessor
    from tests.support.slow_worker import SlowEncoder, work

    encoder = SlowEncoder.from_environment()
    encoder.device = "cuda"
    encoder.preprocess = MortalPreprocessor().preprocess  # type: ignore[method-assign]
    work(encoder)
