# librfsnet: the stream and its two ends (frame, stream, repl, second)
