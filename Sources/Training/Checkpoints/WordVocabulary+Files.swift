import KVPolicyKit
internal import ReferenceModel

/// The vocabulary in the format of tokenizer files: byte-pair encoding without merges, and added
/// tokens.
extension WordVocabulary {
  /// The texts of the tokens by id: words unchanged, bytes in the alphabet of byte-level
  /// vocabularies.
  var tokens: [String] {
    words + bytes.map { String(decoding: ByteAlphabet.spelling(of: [$0]), as: UTF8.self) }
  }

  /// The content of `tokenizer.json`.
  var tokenizer: JSONValue {
    let ids = tokens.enumerated().map { ($0.element, JSONValue($0.offset)) }
    return [
      "version": "1.0", "truncation": .null, "padding": .null, "normalizer": .null,
      "added_tokens": .array(words.enumerated().map { added($0.element, id: $0.offset) }),
      // The rule that GGUF files call `smollm`. It cannot separate bytes that a merge would join:
      // there are no merges.
      "pre_tokenizer": [
        "type": "Sequence",
        "pretokenizers": [
          ["type": "Digits", "individual_digits": true],
          [
            "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true,
          ],
        ],
      ],
      "post_processor": .null,
      "decoder": [
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true,
      ],
      "model": [
        "type": "BPE", "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null,
        "end_of_word_suffix": .null, "fuse_unk": false, "byte_fallback": false,
        "ignore_merges": false, "merges": [],
        "vocab": .object(Dictionary(ids) { first, _ in first }),
      ],
    ]
  }

  private func added(_ word: String, id: Int) -> JSONValue {
    [
      "id": JSONValue(id), "content": .string(word), "single_word": false, "lstrip": false,
      "rstrip": false, "normalized": false, "special": false,
    ]
  }

  /// The metadata of a GGUF file.
  ///
  /// If a file names no token for the beginning or the end of a text, readers assume token 11. So
  /// the file always names both: byte 0, which occurs in no text, unless the model has such tokens.
  func metadata(bos: Int?, eos: Int?) -> [(key: String, value: GGUFValue)] {
    let types =
      [Int64](repeating: 4, count: words.count) + [Int64](repeating: 1, count: bytes.count)
    // Byte 0 cannot be a word, so it is the first of the bytes.
    let never = words.count
    return [
      ("tokenizer.ggml.model", .string("gpt2")),
      ("tokenizer.ggml.pre", .string("smollm")),
      ("tokenizer.ggml.tokens", .strings(tokens)),
      ("tokenizer.ggml.token_type", .integers(types)),
      ("tokenizer.ggml.merges", .strings([])),
      ("tokenizer.ggml.bos_token_id", .integer(Int64(bos ?? never))),
      ("tokenizer.ggml.eos_token_id", .integer(Int64(eos ?? never))),
      ("tokenizer.ggml.add_bos_token", .bool(false)),
    ]
  }
}
