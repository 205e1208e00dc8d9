import KVPolicyKit
internal import ReferenceModel

/// The vocabulary as tokenizers' files have it: byte-level pairs without a pair, and added tokens.
extension WordVocabulary {
  /// The tokens by id: words as they are, bytes in the alphabet of byte-level vocabularies.
  var tokens: [String] {
    words + bytes.map { String(decoding: ByteAlphabet.spelling(of: [$0]), as: UTF8.self) }
  }

  /// The content of `tokenizer.json`.
  var tokenizer: JSONValue {
    let ids = tokens.enumerated().map { ($0.element, JSONValue($0.offset)) }
    return [
      "version": "1.0", "truncation": .null, "padding": .null, "normalizer": .null,
      "added_tokens": .array(words.enumerated().map { added($0.element, id: $0.offset) }),
      // The rule of the GGUF file's `smollm`. It cuts nothing that pairs would join: there are none.
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
  /// Readers take token 11 for the beginning and the end of a text where the file names none, so it
  /// always names some: byte 0, which no text has, unless the model knows better.
  func metadata(bos: Int?, eos: Int?) -> [(key: String, value: GGUFValue)] {
    let types =
      [Int64](repeating: 4, count: words.count) + [Int64](repeating: 1, count: bytes.count)
    // Byte 0 is no word, so it is the first of the bytes.
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
