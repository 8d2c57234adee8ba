"""Graph operations that data, encoders and exports share: decoding, tokens, crops, patches."""
