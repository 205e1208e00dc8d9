import ReferenceModel

extension BrokenFolder {
  /// Settings of config.json that are wrong, or that belong to another kind of model.
  static let settings = [
    BrokenFolder(setting: "model_type", nil, says: "'model_type' is missing"),
    BrokenFolder(setting: "model_type", "7", says: "'model_type' is a whole number"),
    BrokenFolder(
      setting: "model_type", #""phi3""#,
      says: "the architecture 'phi3' is not supported; supported: llama, mistral, qwen2, qwen3"),
    BrokenFolder(setting: "model_type", #""qwen2""#, says: "q_proj.bias': is missing"),
    BrokenFolder(setting: "hidden_act", #""gelu""#, says: "'hidden_act' = 'gelu'"),
    BrokenFolder(setting: "attention_bias", "true", says: "'attention_bias' = true"),
    BrokenFolder(setting: "attention_bias", "1", says: "it must be true or false"),
    BrokenFolder(setting: "mlp_bias", "true", says: "'mlp_bias' = true"),
    BrokenFolder(setting: "quantization_config", "{}", says: "'quantization_config'"),
    BrokenFolder(setting: "hidden_size", nil, says: "'hidden_size' is missing"),
    BrokenFolder(setting: "hidden_size", "null", says: "'hidden_size' is missing"),
    BrokenFolder(setting: "hidden_size", "0", says: "'hidden_size' is 0"),
    BrokenFolder(setting: "hidden_size", "-32", says: "'hidden_size' is -32"),
    BrokenFolder(setting: "hidden_size", "32.5", says: "'hidden_size' is a number with a fraction"),
    BrokenFolder(setting: "hidden_size", #""32""#, says: "'hidden_size' is text"),
    BrokenFolder(setting: "hidden_size", "[32]", says: "'hidden_size' is a list"),
    BrokenFolder(setting: "hidden_size", "1e400", says: "the number 1e400 is too large"),
    BrokenFolder(setting: "hidden_size", "NaN", says: "NaN and Infinity are not JSON"),
    BrokenFolder(setting: "rms_norm_eps", "-Infinity", says: "a number needs a digit here"),
    BrokenFolder(
      setting: "hidden_size", "99999999999999999999", says: "'hidden_size' is a number with"),
    BrokenFolder(setting: "num_hidden_layers", "1000000000", says: "'num_hidden_layers' is 1000"),
    BrokenFolder(
      setting: "num_hidden_layers", "16777216",
      says: "tensor 'model.layers.1.input_layernorm.weight': is missing"),
    BrokenFolder(setting: "num_attention_heads", "3", says: "does not divide among 3 heads"),
    BrokenFolder(setting: "num_key_value_heads", "3", says: "do not divide among 3 key heads"),
    BrokenFolder(setting: "head_dim", "15", says: "rotary embedding needs an even number"),
    BrokenFolder(setting: "vocab_size", "9", says: "the configuration asks for [9, 32]"),
    BrokenFolder(setting: "rms_norm_eps", "0", says: "'rms_norm_eps' is 0.0"),
    BrokenFolder(setting: "rms_norm_eps", "1e-300", says: "'rms_norm_eps' is 1e-300"),
    BrokenFolder(setting: "rope_theta", "-1", says: "'rope_theta' is -1.0"),
    BrokenFolder(setting: "rope_theta", "1e300", says: "'rope_theta' is 1e+300"),
    BrokenFolder(setting: "rope_scaling", "2", says: "'rope_scaling' is a whole number"),
    BrokenFolder(
      setting: "rope_scaling", #"{"type":"yarn","factor":2}"#, says: "the rotary scaling 'yarn'"),
    BrokenFolder(
      setting: "rope_scaling", #"{"type":"linear"}"#, says: "'rope_scaling.factor' is missing"),
    BrokenFolder(
      setting: "rope_scaling", #"{"factor":2}"#, says: "'rope_scaling.rope_type' is missing"),
    BrokenFolder(
      setting: "rope_scaling", #"{"type":"linear","factor":0}"#,
      says: "'rope_scaling.factor' is 0.0"),
    BrokenFolder(
      setting: "rope_scaling", #"{"type":"linear","rope_type":"llama3","factor":2}"#,
      says: "the same as 'rope_type'"),
    BrokenFolder(
      setting: "rope_scaling",
      #"{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4}"#,
      says: "'rope_scaling.low_freq_factor' is 4.0; it must be below"),
    BrokenFolder(
      setting: "rope_scaling",
      #"{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4}"#,
      says: "'rope_scaling.original_max_position_embeddings' is missing"),
    BrokenFolder(
      setting: "rope_parameters", #"{"rope_theta":5000}"#, says: "contradict each other"),
    BrokenFolder(
      setting: "rope_parameters", #"{"full_attention":{"rope_theta":10000}}"#,
      says: "rotary settings by kind of layer"),
    BrokenFolder(setting: "partial_rotary_factor", "0.5", says: "'partial_rotary_factor' = 0.5"),
    BrokenFolder(setting: "bos_token_id", "8", says: "'bos_token_id' is 8"),
    BrokenFolder(setting: "eos_token_id", "[2,-2]", says: "'eos_token_id' is -2"),
    BrokenFolder(
      setting: "num_key_value_heads", "[1,1]", says: "or a list of 1 equal ones, one for each"),
    BrokenFolder(setting: "eos_token_id", #"["2"]"#, says: "'eos_token_id' is a list"),
    BrokenFolder(
      setting: "max_position_embeddings", "1e3", says: "'max_position_embeddings' is a number with"),
    BrokenFolder("mistral's window", says: "'sliding_window' = 64, below") {
      $0.settings["model_type"] = #""mistral""#
      $0.settings["sliding_window"] = "64"
    },
    BrokenFolder("mistral's key heads null", says: "the configuration asks for [32, 32]") {
      $0.settings["model_type"] = #""mistral""#
      $0.settings["sliding_window"] = "null"
      $0.settings["num_key_value_heads"] = "null"
    },
    BrokenFolder("mistral's window left out", says: "without 'sliding_window'") {
      $0.settings["model_type"] = #""mistral""#
      $0.settings["max_position_embeddings"] = "32768"
    },
  ]

  /// Files that are missing, or that are not the JSON they should be.
  static let texts = [
    BrokenFolder("no config.json", says: "cannot read") { $0.missing = ["config.json"] },
    BrokenFolder("no weights", says: "a model folder holds config.json with model.safetensors") {
      $0.missing = ["model.safetensors"]
    },
    BrokenFolder("empty config.json", says: "the file is empty") { $0.configuration = "" },
    BrokenFolder("a list for settings", says: "it is not a JSON object") {
      $0.configuration = "[]"
    },
    BrokenFolder("deep lists", says: "nest deeper than 64") {
      $0.configuration = String(repeating: "[", count: 200_000)
    },
    BrokenFolder("deep objects", says: "nest deeper than 64") {
      $0.configuration = String(repeating: #"{"a":"#, count: 200_000)
    },
    BrokenFolder("a setting twice", says: "the key 'a' appears twice") {
      $0.configuration = #"{"a":1,"a":2}"#
    },
    BrokenFolder("two documents", says: "something follows the JSON value") {
      $0.configuration = "{} {}"
    },
    BrokenFolder("comma at the end", says: "an object needs a key in quotes") {
      $0.configuration = #"{"a":1,}"#
    },
    BrokenFolder("half a surrogate pair", says: "half a surrogate pair") {
      $0.configuration = #"{"a":"\ud800"}"#
    },
    BrokenFolder("line break in text", says: "a text contains a control character") {
      $0.configuration = "{\"a\":\"\n\"}"
    },
    BrokenFolder("leading zero", says: "no digit may follow a leading zero") {
      $0.configuration = #"{"a":01}"#
    },
  ]
}
