package import KVPolicyKit
internal import Policies

/// A shipped policy under settings that two dozen tokens exceed.
///
/// A new policy adds its variants to `all`; every test of "every policy" then runs them.
package struct PolicyVariant: Sendable, CustomStringConvertible {
  /// The policy's name.
  package let name: String
  /// Its settings.
  package let settings: [String: JSONValue]
  /// The most rows in a lane after a step; nil if the cache grows.
  package let rowLimit: Int?
  /// What decode steps read; nil for everything, or for the policy's own reader.
  private let read: JSONValue?

  /// The name and the settings.
  package var description: String {
    "\(name) \(JSONValue.object(configuration.main.settings).text)"
  }
  /// The name and the settings, as a configuration.
  package var configuration: PolicyConfiguration {
    PolicyConfiguration(name, settings.merging(read.map { ["read": $0] } ?? [:]) { $1 })
  }

  private init(
    _ name: String, _ settings: [String: JSONValue] = [:], rows: Int? = nil, read: JSONValue? = nil
  ) {
    (self.name, self.settings, self.read, rowLimit) = (name, settings, read, rows)
  }

  /// Makes the policy for a cache of this shape.
  package func make(_ shape: CacheShape) throws(PolicyError) -> any KVCachePolicy {
    try PolicyRegistry.tried(on: shape).make(name, settings, shape: shape)
  }

  /// Makes what decode steps read beside the policy; nil if they read everything, or what the policy
  /// says.
  package func reader(_ shape: CacheShape) throws(PolicyError) -> (any RowReader)? {
    guard read != nil else { return nil }
    return try configuration.makePolicies(.tried(on: shape), shape: shape).readers[0]
  }

  /// Every shipped policy, with every setting that changes what it keeps or reads, and at its least
  /// sizes.
  package static let all = pruners + readers + coders

  /// Policies that forget, and the full cache.
  private static let pruners = [
    PolicyVariant("full"),
    PolicyVariant("streamingllm", ["sinks": 2, "recent": 10], rows: 12),
    PolicyVariant(
      "streamingllm", ["sinks": 2, "recent": 10, "positions": "original"], rows: 12),
    PolicyVariant("streamingllm", ["sinks": 0, "recent": 1, "positions": "original"], rows: 1),
    PolicyVariant("streamingllm", ["sinks": 0, "recent": 9, "when": "afterPrompt"]),
    PolicyVariant("h2o", ["heavy": 8, "recent": 6], rows: 14),
    PolicyVariant("h2o", ["heavy": 8, "recent": 6, "gqa": "max"], rows: 14),
    PolicyVariant("h2o", ["heavy": 8, "recent": 0, "score": "average"], rows: 8),
    PolicyVariant("h2o", ["heavy": 1, "recent": 0, "score": "average", "gqa": "max"], rows: 1),
    PolicyVariant("h2o", ["heavy": 8, "recent": 6, "positions": "compacted"], rows: 14),
    PolicyVariant("h2o", ["heavy": 8, "recent": 6, "when": "afterPrompt"]),
    PolicyVariant("h2o", ["heavy": 8, "recent": 6, "variant": "morphkv"], rows: 14),
    PolicyVariant("h2o", ["heavy": 1, "recent": 0, "variant": "morphkv", "gqa": "max"], rows: 1),
    PolicyVariant("snapkv", ["capacity": 16, "window": 4]),
    PolicyVariant(
      "snapkv",
      ["capacity": 16, "window": 4, "kernel": 3, "pool": "average", "gqa": "max"]),
    PolicyVariant("snapkv", ["capacity": 16, "window": 4, "positions": "compacted"]),
    PolicyVariant("snapkv", ["capacity": 2, "window": 1, "positions": "compacted"]),
    PolicyVariant("morphkv", ["capacity": 16], rows: 17),
    PolicyVariant("morphkv", ["capacity": 2, "window": 1, "voters": 5, "block": 2], rows: 3),
    PolicyVariant(
      "morphkv",
      ["capacity": 16, "window": 1, "voters": 12, "block": 5, "fusion": "sum", "sinks": 3],
      rows: 17),
    PolicyVariant(
      "morphkv",
      ["capacity": 16, "voters": 7, "block": 1, "prunePrompt": "atFirstDecode"], rows: 17),
    PolicyVariant("morphkv", ["capacity": 16, "burst": 1.5], rows: 25),
    PolicyVariant("morphkv", ["votes": "exact", "capacity": 16, "window": 4], rows: 17),
    PolicyVariant(
      "morphkv",
      ["votes": "exact", "capacity": 16, "window": 4, "fusion": "max", "rows": "W"], rows: 17),
    PolicyVariant(
      "morphkv",
      [
        "votes": "exact", "capacity": 16, "window": 4, "attendMask": "perQueryHead",
        "includeCurrentQuery": true,
      ], rows: 17),
    PolicyVariant(
      "morphkv",
      ["votes": "exact", "capacity": 3, "window": 2, "rows": "W", "attendMask": "perQueryHead"],
      rows: 4),
    PolicyVariant(
      "morphkv",
      [
        "votes": "exact", "capacity": 16, "window": 4, "prunePrompt": "atFirstDecode",
        "gqa": "sumOfLogits", "sinks": 3,
      ], rows: 17),
    PolicyVariant(
      "morphkv",
      [
        "votes": "exact", "capacity": 16, "window": 4, "burst": 1.5, "normaliser": "allVisible",
        "gqa": "meanOfProbabilities",
      ], rows: 25),
    PolicyVariant("tova", ["capacity": 12], rows: 12),
    PolicyVariant("tova", ["capacity": 12, "protectNewest": true], rows: 12),
    PolicyVariant("tova", ["capacity": 1, "protectNewest": true], rows: 1),
    PolicyVariant("tova", ["capacity": 12, "when": "afterPrompt"]),
    PolicyVariant("random", ["capacity": 12, "recent": 3], rows: 12),
    PolicyVariant("random", ["capacity": 12, "when": "afterPrompt"]),
    PolicyVariant(
      "snapkv", ["capacity": 16, "window": 4, "budget": "adaptive", "when": "everyChunk"]),
    PolicyVariant("snapkv", ["sparsity": 0.5, "window": 4, "when": "everyChunk"]),
    PolicyVariant(
      "snapkv",
      [
        "sparsity": 0.7, "window": 4, "when": "everyChunk", "patched": true,
        "chunkNormaliser": "chunk",
      ]),
    PolicyVariant(
      "snapkv",
      [
        "capacity": 12, "window": 3, "when": "everyChunk", "patched": true,
        "patchPositions": "trueEnd", "budget": "adaptive",
      ]),
    PolicyVariant(
      "pyramidkv",
      ["sparsity": 0.8, "window": 3, "when": "everyChunk", "patched": true, "gqa": "max"]),
    PolicyVariant("pyramidkv", ["capacity": 16, "window": 4]),
    PolicyVariant(
      "pyramidkv", ["capacity": 12, "window": 3, "kernel": 1, "beta": 2, "gqa": "max"]),
    PolicyVariant(
      "pyramidkv", ["capacity": 16, "window": 4, "beta": 3, "rule": "kvpress"]),
    PolicyVariant("adakv", ["capacity": 16, "window": 4]),
    PolicyVariant("adakv", ["capacity": 16, "window": 4, "normalise": true]),
    PolicyVariant("adakv", ["capacity": 12, "window": 3, "kernel": 3, "floor": 0]),
    PolicyVariant("adakv", ["capacity": 12, "window": 3, "rule": "globalThenFloor"]),
    PolicyVariant("chunkkv", ["capacity": 16, "window": 4, "size": 5]),
    PolicyVariant("chunkkv", ["capacity": 20, "window": 2, "size": 3, "kernel": 3]),
    PolicyVariant("chunkkv", ["capacity": 16, "window": 4, "size": 5, "reuse": 2]),
    PolicyVariant("criticalkv", ["capacity": 16, "window": 4]),
    PolicyVariant(
      "criticalkv",
      [
        "capacity": 12, "window": 3, "kernel": 3, "epsilon": 0.1, "firstStage": 0,
        "budget": "adaptive",
      ]),
    PolicyVariant(
      "composed",
      [
        "score": "lagkv", "budget": ["rows": 12],
        "refine": ["kind": "critical", "firstStage": 0.25],
        "when": "everyStep",
      ], rows: 12),
    PolicyVariant("knorm", ["capacity": 12]),
    PolicyVariant("knorm", ["capacity": 12, "when": "everyStep"], rows: 12),
    PolicyVariant(
      "keydiff", ["capacity": 12, "when": "everyStep", "positions": "compacted"], rows: 12),
    PolicyVariant(
      "keydiff",
      [
        "capacity": 12, "protect": ["sinks": 2, "recent": 4],
        "when": ["prompt": "atEnd", "every": 3],
      ],
      rows: 14),
    PolicyVariant("lagkv", ["capacity": 12, "sinks": 2, "lag": 4]),
    PolicyVariant("lagkv", ["capacity": 12, "when": "everyStep"], rows: 12),
    PolicyVariant("cur", ["capacity": 12]),
    PolicyVariant(
      "cur", ["capacity": 12, "combine": "mean", "blockNormalize": 0, "when": "everyStep"], rows: 12
    ),
    PolicyVariant(
      "rkv", ["capacity": 16, "window": 4, "when": ["everyTotal": 6, "offset": 1]], rows: 21),
    PolicyVariant(
      "rkv",
      [
        "capacity": 12, "window": 3, "kernel": 3, "lambda": 0.5, "similarityThreshold": 0.2,
        "retain": "first", "slotOrder": "chronological", "when": ["afterPredicted": [1, 5, 7]],
      ]),
    PolicyVariant(
      "rkv",
      [
        "capacity": 9, "window": 2, "compressPrompt": false, "when": ["every": 4],
        "budget": "adaptive", "protect": ["sinks": 2], "positions": "compacted",
      ]),
    PolicyVariant("expectedattention", ["capacity": 12]),
    PolicyVariant(
      "expectedattention",
      [
        "capacity": 12, "sinks": 1, "futurePositions": 9, "covariance": false, "valueNorm": false,
        "when": "everyStep", "positions": "compacted",
      ], rows: 12),
    PolicyVariant("cap", ["capacity": 12]),
    PolicyVariant(
      "cap",
      [
        "capacity": 12, "sinks": 0, "tau": 2, "futurePositions": 5, "when": "everyStep",
        "positions": "compacted",
      ], rows: 12),
    PolicyVariant("leverage", ["capacity": 12, "sketchSize": 3]),
    PolicyVariant("leverage", ["capacity": 12, "sketch": "sketch.safetensors"]),
    PolicyVariant(
      "leverage", ["capacity": 12, "when": "everyStep", "jitter": 0.1, "seed": 5], rows: 12),
    PolicyVariant("judgeq", ["softTokens": "probe", "capacity": 12]),
    PolicyVariant(
      "judgeq",
      [
        "softTokens": "probe", "capacity": 9, "recent": 3, "kernel": 1, "gqa": "max",
        "budget": "adaptive", "protect": ["sinks": 2],
      ]),
    PolicyVariant("kvzip", ["repeatTokens": [1, 2], "chunk": 7, "overlap": 3]),
    PolicyVariant(
      "kvzip",
      [
        "ratio": 0.7, "sinks": 2, "prefix": 5, "continueTokens": [3], "suffixTokens": [4, 5],
        "chunk": 9, "overlap": 20, "scope": "layer",
      ]),
    PolicyVariant("kvzip", ["capacity": 9, "sinks": 0]),
    PolicyVariant("kvzip", ["capacity": 12, "suffixTokens": [2], "normalization": "plus"]),
    PolicyVariant("kvzip", ["ratio": 1, "prefix": 1000]),
    PolicyVariant("inertiakv", ["capacity": 12], rows: 12),
    PolicyVariant(
      "inertiakv", ["capacity": 12, "refreshEvery": 1, "score": "valueNorm"], rows: 12),
    PolicyVariant("inertiakv", ["capacity": 9, "refreshEvery": 0, "aggregate": "last"], rows: 9),
    PolicyVariant("inertiakv", ["ratio": 0.5, "aggregate": "sum", "score": "entropy"]),
    PolicyVariant("sagekv", ["sinks": 2, "topK": 6, "recent": 4], rows: 12),
    PolicyVariant(
      "sagekv", ["sinks": 0, "topK": 1, "recent": 1, "gqa": "max"], rows: 2),
    PolicyVariant("sagekv", ["sinks": 2, "topK": 6, "recent": 4, "recentGrows": true]),
    PolicyVariant("refreekv", ["epsilon": 0.2, "sinks": 2]),
    PolicyVariant("refreekv", ["epsilon": 0.1, "sinks": 0, "order": "window", "window": 4]),
    PolicyVariant(
      "refreekv",
      [
        "epsilon": 0.1, "sinks": 1, "order": "pooledWindow", "window": 3, "kernel": 3,
        "evidenceRow": "beforeWindow", "pool": "average",
      ]),
    PolicyVariant(
      "duoattention", ["headTable": "head-profile", "sparsity": 0.6, "sinks": 2, "recent": 6]),
    PolicyVariant(
      "duoattention", ["headTable": "head-profile", "sparsity": 1, "sinks": 0, "recent": 1], rows: 1
    ),
    PolicyVariant("prulong", ["headTable": "head-profile", "sinks": 1, "recent": 9]),
    PolicyVariant(
      "baklava",
      ["profile": "lane-measures", "sinks": 2, "measure": ["capacity": 12, "floor": 4]]),
    PolicyVariant(
      "baklava",
      [
        "profile": "lane-measures", "sinks": 0,
        "measure": ["capacity": 3, "floor": 1, "layerExponent": 2],
      ]),
    PolicyVariant(
      "foresightkv", ["scorer": "scorer", "capacity": 12, "block": 4, "queryCache": 6], rows: 15),
    PolicyVariant(
      "foresightkv",
      [
        "scorer": "scorer", "capacity": 14, "block": 3, "queryCache": 2, "subWindows": "rows",
        "decay": 0.9,
      ], rows: 16),
    PolicyVariant("wgkv", ["gates": "gate", "window": 6, "threshold": 0.8, "prefillTile": 5]),
    PolicyVariant(
      "wgkv",
      ["gates": "gate", "window": 2, "threshold": 1, "floor": 0, "prefillTile": 1], rows: 2),
    PolicyVariant("kvzap", ["predictor": "predictor", "threshold": 0.5, "window": 6]),
    PolicyVariant(
      "kvzap", ["predictor": "predictor.linear", "threshold": 1e6, "window": 1], rows: 1),
    PolicyVariant(
      "kvzap",
      ["predictor": "predictor.linear", "threshold": 0, "window": 9, "decoding": false]),
    PolicyVariant(
      "less",
      ["heavy": 8, "recent": 6, "kernels": "residual", "kernelHidden": 16],
      rows: 14),
    PolicyVariant(
      "less",
      [
        "base": "streamingllm", "sinks": 2, "recent": 10, "floor": 0, "kernels": "residual",
        "kernelHidden": 16,
      ], rows: 12),
    PolicyVariant(
      "less",
      [
        "base": "adakv", "capacity": 16, "window": 4, "floor": 0.1, "when": "everyChunk",
        "kernels": "residual", "kernelHidden": 16,
      ]),
    PolicyVariant(
      "less",
      [
        "base": "wgkv", "gates": "gate", "window": 6, "threshold": 0.8, "prefillTile": 5,
        "kernels": "residual", "kernelHidden": 16,
      ]),
    PolicyVariant("composed", ["budget": ["rows": 12], "when": "everyStep"], rows: 12),
    PolicyVariant(
      "composed",
      ["score": "keydiff", "budget": ["kind": "adaptive", "rows": 12], "protect": ["sinks": 2]]),
  ]

  /// Policies that store rows as codes.
  private static let coders = [
    PolicyVariant("kivi", ["groupSize": 4, "residual": 8]),
    PolicyVariant(
      "kivi", ["keyBits": 4, "valueBits": 8, "groupSize": 2, "residual": 6]),
    PolicyVariant("kivi", ["keyBits": 3, "valueBits": 3, "groupSize": 1, "residual": 1]),
    PolicyVariant(
      "kivi",
      ["groupSize": 4, "residual": 8, "keys": ["kind": "think", "keyChannelRatio": 0.4]]),
    PolicyVariant("think", ["keyChannelRatio": 0.5, "recent": 3, "window": 7]),
    PolicyVariant("think", ["keyChannelRatio": 0.9]),
    PolicyVariant("mikv", ["groupSize": 4]),
    PolicyVariant("mikv", ["groupSize": 2, "highBits": 8, "lowBits": 3, "balancer": false]),
    PolicyVariant("mikv", ["groupSize": 4, "highRatio": 0.5, "highBits": 4, "recentShare": 0]),
  ]

  /// Policies that read a part of what they keep.
  private static let readers = [
    PolicyVariant("quest", ["budget": 12, "pageSize": 4, "denseLayers": 0]),
    PolicyVariant(
      "quest",
      [
        "budget": 10, "pageSize": 3, "denseLayers": 0, "newestPage": "scored", "minPages": 3,
        "gqa": "perQueryHead",
      ]),
    PolicyVariant("quest", ["budget": 1, "pageSize": 1, "denseLayers": 0, "gqa": "sum"]),
    PolicyVariant("refreshkv", ["partial": 11, "checkEvery": 3, "threshold": 0.2]),
    PolicyVariant("refreshkv", ["partial": 1, "threshold": .null, "kernel": 1]),
    PolicyVariant(
      "refreshkv",
      ["partial": 8, "checkEvery": 2, "threshold": 0, "pool": "average", "gqa": "mean"]),
    PolicyVariant(
      "clusterkv", ["clusters": 5, "iterations": 4, "budget": 12, "sinks": 2, "denseLayers": 0]),
    PolicyVariant(
      "clusterkv",
      [
        "clusters": 6, "iterations": 0, "budget": 9, "sinks": 0, "denseLayers": 0,
        "generated": ["window": 6, "clusters": 2], "gqa": "perQueryHead",
      ]),
    PolicyVariant("retroattention", ["page": 4, "pages": 3, "window": 3]),
    PolicyVariant(
      "retroattention", ["page": 3, "pages": 2, "window": 4, "pastQuery": "cached"]),
    PolicyVariant("retroattention", ["page": 4, "pages": 3, "window": 2, "fullLayers": 0]),
    PolicyVariant("retroattention", ["page": 1, "pages": 9, "window": 1]),
    PolicyVariant(
      "h2o", ["heavy": 12, "recent": 12], rows: 24,
      read: ["kind": "quest", "budget": 8, "pageSize": 4, "denseLayers": 0]),
    PolicyVariant(
      "less",
      ["heavy": 12, "recent": 12, "kernels": "residual", "kernelHidden": 16],
      rows: 24, read: ["kind": "quest", "budget": 8, "pageSize": 4, "denseLayers": 0]),
    PolicyVariant(
      "morphkv", ["window": 4, "capacity": 16], rows: 17,
      read: ["kind": "refreshkv", "partial": 6, "checkEvery": 2, "threshold": 0.5]),
    PolicyVariant(
      "snapkv", ["capacity": 20, "window": 4, "kernel": 3],
      read: ["kind": "clusterkv", "clusters": 4, "budget": 9, "sinks": 1, "denseLayers": 0]),
    PolicyVariant(
      "composed",
      ["score": "keydiff", "budget": ["rows": 20], "when": "everyStep", "protect": ["recent": 2]],
      rows: 20,
      read: [
        "kind": "quest", "budget": 6, "pageSize": 2, "denseLayers": 0, "gqa": "perQueryHead",
      ]),
    PolicyVariant(
      "kvzip", ["capacity": 19, "sinks": 0],
      read: ["kind": "quest", "budget": 8, "pageSize": 4, "denseLayers": 0]),
    PolicyVariant(
      "streamingllm", ["sinks": 2, "recent": 20, "positions": "original"], rows: 22,
      read: ["kind": "clusterkv", "clusters": 3, "budget": 8, "sinks": 2, "denseLayers": 0]),
  ]
}

extension PolicyConfiguration {
  /// Every shipped policy that takes a budget and needs no artifact, with a budget of `rows`.
  package static func everyPolicy(rows: Int) -> [PolicyConfiguration] {
    PolicyRegistry.all.names.compactMap { name in
      guard let type = try? PolicyRegistry.all.type(named: name),
        let needed = try? PolicyRegistry.all.neededArtifacts(of: name), needed.isEmpty,
        let settings = try? type.settings(budget: .rows(rows))
      else { return nil }
      return PolicyConfiguration(name, settings)
    }
  }
}
