import KVPolicyKit
import Testing

@testable import ReferenceModel

/// A change of a Qwen folder's settings, and words of the error; nil if the folder still opens.
struct QwenSettings: Sendable, CustomTestStringConvertible {
  let architecture: String
  let settings: [String: String?]
  let words: String?

  init(_ architecture: String, _ settings: [String: String?], says words: String? = nil) {
    (self.architecture, self.settings, self.words) = (architecture, settings, words)
  }

  var testDescription: String { "\(architecture) \(settings)" }

  /// A context of 128 tokens, unless a case says otherwise.
  static let all =
    ["qwen2", "qwen3"].flatMap { name in
      [
        QwenSettings(name, ["use_sliding_window": "false", "sliding_window": "64"]),
        QwenSettings(name, ["sliding_window": "64"]),
        QwenSettings(name, ["use_sliding_window": "true", "sliding_window": "null"]),
        QwenSettings(name, ["use_sliding_window": "true", "sliding_window": "128"]),
        QwenSettings(name, ["use_sliding_window": "true"]),
        QwenSettings(
          name, ["use_sliding_window": "true", "sliding_window": "127"],
          says: "'sliding_window' = 127, below 'max_position_embeddings' = 128"),
        QwenSettings(
          name, ["use_sliding_window": "true", "max_position_embeddings": "32768"],
          says: "\(name) without 'sliding_window', which then is 4096"),
        QwenSettings(
          name, ["use_sliding_window": "1"], says: "'use_sliding_window' is a whole number"),
        QwenSettings(name, ["rope_scaling": #"{"type":"linear","factor":2}"#]),
        QwenSettings(
          name, ["rope_scaling": #"{"rope_type":"yarn","factor":4}"#],
          says: "the rotary scaling 'yarn'"),
        QwenSettings(name, ["tie_word_embeddings": "true"]),
        QwenSettings(name, ["attention_bias": "false"]),
        QwenSettings(name, ["num_key_value_heads": nil], says: "do not divide among 32 key heads"),
        QwenSettings(name, ["num_key_value_heads": "null"], says: "k_proj.weight': has shape"),
      ]
    } + [
      QwenSettings("qwen2", ["attention_bias": "true"]),
      QwenSettings("qwen2", ["head_dim": nil]),
      QwenSettings("qwen3", ["attention_bias": "true"], says: "'attention_bias' = true"),
      QwenSettings("qwen3", ["head_dim": nil], says: "the configuration asks for [256, 32]"),
      QwenSettings("qwen3", ["head_dim": "null"], says: "the configuration asks for [32, 32]"),
      QwenSettings("qwen3", ["model_type": #""qwen2""#], says: "q_proj.bias': is missing"),
      QwenSettings(
        "qwen2", ["model_type": #""llama""#], says: "k_proj.bias' (a bias) is not supported"),
      QwenSettings(
        "qwen2", ["model_type": #""qwen2_moe""#],
        says: "'qwen2_moe' is not supported; supported: llama, mistral, qwen2, qwen3"),
    ]
}

@Suite("Files of Qwen2 and Qwen3") struct QwenFilesTests {
  @Test(
    "open in both formats with the same weights and identity", arguments: ["qwen2", "qwen3"])
  func formats(_ name: String) throws {
    let tiny = TinyQwen(name)
    let (folder, gguf) = (try openTiny(tiny.folder), try openTiny(tiny.gguf()))
    for (files, names) in [(folder, TensorNames.huggingFace), (gguf, .gguf)] {
      let tensors = tensorsByName(files, names)
      #expect(tensors.count == tiny.parts.count)
      for part in tiny.parts {
        let name = files.kind == .gguf ? part.gguf : part.folder
        #expect(tensors[name] == part.floats, "\(name)")
      }
      #expect(files.warnings.filter { $0.contains("not read") } == [] && files.notes == [])
      try files.checkFinite()
    }
    #expect(folder.configuration == gguf.configuration)
    #expect(folder.configuration.rope.pairing == .halves)
    let identity = LlamaModel(folder).identity
    #expect(LlamaModel(gguf).identity == identity)
    #expect(LlamaModel(try openTiny(tiny.gguf(.q8_0))).identity == identity)
  }

  @Test(
    "need each bias and norm, of the right length, finite, and in floats",
    arguments: ["qwen2", "qwen3"])
  func parts(_ name: String) throws {
    let tiny = TinyQwen(name)
    #expect(tiny.ownParts.count == (name == "qwen2" ? 3 : 2))
    for part in tiny.ownParts {
      var (folder, gguf) = (tiny.folder, tiny.gguf())
      folder.weights.remove(part.folder)
      gguf.removeTensor(part.gguf)
      #expect(try refusal { try openTiny(folder) } == "tensor '\(part.folder)': is missing")
      #expect(try refusal { try openTiny(gguf) } == "tensor '\(part.gguf)': is missing")

      let length = part.shape[0]
      let words = "': has shape [\(length + 2)]; the configuration asks for [\(length)]"
      folder.weights.tensors.append(.init(part.folder, [length + 2]))
      gguf.tensors.append(.init(part.gguf, [length + 2], .f32))
      #expect(try refusal { try openTiny(folder) } == "tensor '\(part.folder)\(words)")
      #expect(try refusal { try openTiny(gguf) } == "tensor '\(part.gguf)\(words)")

      gguf.change(part.gguf) { $0 = .init(part.gguf, [length], .q8_0) }
      if length % 32 == 0 {
        #expect(try refusal { try openTiny(gguf) }?.contains("is stored as Q8_0") == true)
      }

      var poisoned = tiny
      poisoned.change(part.folder) { $0[length - 1] = .nan }
      let files = try openTiny(poisoned.folder)
      let problem = "element \(length - 1) is not a finite number"
      #expect(throws: ModelError.tensor(name: part.folder, reason: problem)) {
        try files.checkFinite()
      }
    }
  }

  @Test(
    "are read with the defaults of their configuration classes, or refused by name",
    arguments: QwenSettings.all)
  func settings(_ one: QwenSettings) throws {
    var tiny = TinyQwen(one.architecture).folder
    for (name, value) in one.settings { tiny.settings[name] = value }
    let text = try refusal { try openTiny(tiny) }
    guard let words = one.words else {
      #expect(text == nil)
      return
    }
    #expect(text?.contains(words) == true, "\(text ?? "it opened")")
  }

  @Test("have no other biases", arguments: ["self_attn.o_proj", "mlp.up_proj"])
  func otherBiases(_ part: String) throws {
    var tiny = TinyQwen("qwen2").folder
    tiny.weights.tensors.append(.init("model.layers.0.\(part).bias", [32]))
    #expect(try refusal { try openTiny(tiny) }?.contains("\(part).bias' (a bias)") == true)
  }

  @Test("of models that differ in one bias or gain have different identities")
  func identities() throws {
    for tiny in [TinyQwen("qwen2"), TinyQwen("qwen3")] {
      var digests = [LlamaModel(try openTiny(tiny.folder)).identity.digest]
      for part in tiny.ownParts {
        var other = tiny
        other.change(part.folder) { $0[3] += 0.5 }
        digests.append(LlamaModel(try openTiny(other.folder)).identity.digest)
      }
      #expect(Set(digests).count == 1 + tiny.ownParts.count)
    }
  }
}
