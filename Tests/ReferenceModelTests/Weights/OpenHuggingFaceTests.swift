import Testing

@testable import ReferenceModel

@Suite("Opening Hugging Face folders")
struct OpenHuggingFaceTests {
  @Test(
    "folders by the safetensors package open with their exact numbers",
    arguments: ["single", "sharded"])
  func foreignFolder(_ kind: String) throws {
    let model = try ModelFiles.open(weightFixture("huggingface/\(kind)"))
    let expected = try Fingerprint.all("huggingface/tensors.json")
    let actual = tensorsByName(model, .huggingFace)
    #expect(Set(actual.keys) == Set(expected.keys))
    for (name, fingerprint) in expected {
      #expect(fingerprint.matches(try #require(actual[name])), "\(name)")
      #expect(model.tensors.first { $0.name == name }?.shape == fingerprint.shape)
    }
    #expect(Set(model.tensors.map(\.type)) == [.f32, .f16])
    try model.checkFinite()
  }

  @Test("a folder by the safetensors package opens with its configuration")
  func foreignConfiguration() throws {
    let path = weightFixture("huggingface/single")
    let model = try ModelFiles.open(path)
    let rope = RopeConfiguration(
      theta: 500_000, scaling: .none, frequencyFactors: nil, pairing: .halves, dimensions: 8)
    let expected = LlamaConfiguration(
      architecture: "llama", layers: 2, hidden: 32, intermediate: 64, queryHeads: 4, keyHeads: 2,
      headDimension: 8, vocabulary: 24, contextLength: 512, normEpsilon: 1e-5, rope: rope,
      tiedEmbedding: false, bosToken: 1, eosTokens: [2, 3])
    #expect(model.configuration == expected)
    #expect(model.kind == .huggingFace && model.folder == path && model.metadata.isEmpty)
  }

  @Test("all three dtypes open", arguments: ["F32", "F16", "BF16"])
  func dtypes(_ dtype: String) throws {
    let model = try openTiny(TinyFolder(dtype: dtype))
    #expect(matrices(model.weights).allSatisfy { $0.matrix.type.rawValue == dtype })
  }

  @Test(
    "a tied head is the embedding, whether or not one is stored as well", arguments: [true, false])
  func tied(stored: Bool) throws {
    var tiny = TinyFolder()
    tiny.settings["tie_word_embeddings"] = "true"
    if !stored { tiny.weights.remove("lm_head.weight") }
    let model = try openTiny(tiny)
    #expect(model.configuration.tiedEmbedding)
    #expect(unsafe model.weights.head.base == model.weights.embedding.base)
  }

  @Test(
    "rotary settings are read in their older and newer places",
    arguments: [
      (
        #"rope_scaling"#, #"{"type":"linear","factor":2}"#,
        RopeConfiguration.Scaling.linear(factor: 2)
      ),
      (#"rope_scaling"#, #"{"rope_type":"linear","factor":2.5}"#, .linear(factor: 2.5)),
      (#"rope_scaling"#, #"{"rope_type":"default"}"#, .none),
      (#"rope_parameters"#, #"{"rope_type":"default","rope_theta":10000.0}"#, .none),
      (
        #"rope_scaling"#,
        #"{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":64}"#,
        .llama3(factor: 8, low: 1, high: 4, originalContext: 64)
      ),
      (
        #"rope_parameters"#,
        #"{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":64,"rope_theta":10000}"#,
        .llama3(factor: 8, low: 1, high: 4, originalContext: 64)
      ),
    ])
  func scaling(name: String, text: String, expected: RopeConfiguration.Scaling) throws {
    var tiny = TinyFolder()
    tiny.settings[name] = text
    #expect(try openTiny(tiny).configuration.rope.scaling == expected)
  }

  @Test("theta is read from rope_parameters when the top has none")
  func newerTheta() throws {
    var tiny = TinyFolder()
    tiny.settings["rope_theta"] = nil
    tiny.settings["rope_parameters"] = #"{"rope_type":"default","rope_theta":250000.0}"#
    #expect(try openTiny(tiny).configuration.rope.theta == 250_000)
  }

  @Test("what a configuration may leave out has the usual default")
  func defaults() throws {
    var tiny = TinyFolder()
    let optional = [
      "rms_norm_eps", "rope_theta", "rope_scaling", "bos_token_id", "eos_token_id", "hidden_act",
      "tie_word_embeddings",
    ]
    for name in optional { tiny.settings[name] = nil }
    tiny.settings["num_key_value_heads"] = "null"
    for part in ["k_proj", "v_proj"] {
      let name = "model.layers.0.self_attn.\(part).weight"
      tiny.weights.change(name) { $0 = TinySafetensors.Tensor(name, [32, 32]) }
    }
    let configuration = try openTiny(tiny).configuration
    #expect(configuration.keyHeads == configuration.queryHeads)
    #expect(configuration.rope.theta == 10_000 && configuration.normEpsilon == 1e-6)
    #expect(configuration.bosToken == nil && configuration.eosTokens.isEmpty)
    #expect(!configuration.tiedEmbedding)
  }

  @Test(
    "mistral opens when its window covers the whole context", arguments: ["null", "128", "4096"])
  func mistral(_ window: String) throws {
    var tiny = TinyFolder()
    tiny.settings["model_type"] = #""mistral""#
    tiny.settings["sliding_window"] = window
    #expect(try openTiny(tiny).configuration.architecture == "mistral")
  }

  @Test("heads may be wider than their share of the stream")
  func wideHeads() throws {
    var tiny = TinyFolder()
    tiny.settings["head_dim"] = "32"
    for (part, shape) in [
      ("q_proj", [64, 32]), ("k_proj", [32, 32]), ("v_proj", [32, 32]), ("o_proj", [32, 64]),
    ] {
      let name = "model.layers.0.self_attn.\(part).weight"
      tiny.weights.change(name) { $0 = TinySafetensors.Tensor(name, shape) }
    }
    #expect(try openTiny(tiny).configuration.headDimension == 32)
  }

  @Test("shards named by an index open; stored rotary frequencies are not needed")
  func shards() throws {
    var tiny = TinyFolder()
    tiny.weights.tensors.append(
      TinySafetensors.Tensor("model.layers.0.self_attn.rotary_emb.inv_freq", [8]))
    tiny.shard()
    let model = try openTiny(tiny)
    #expect(model.tensors.count == tiny.weights.tensors.count)
    #expect(model.weights.layers.count == 1)
  }
}
