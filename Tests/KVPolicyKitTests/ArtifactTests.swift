import KVPolicyKit
import Testing

/// Artifacts by path.
private struct Shelf: ArtifactSource {
  let artifacts: [String: Artifact]

  func artifact(at path: String) throws(ArtifactError) -> Artifact {
    guard let artifact = artifacts[path] else { throw ArtifactError("there is no \(path)") }
    return artifact
  }
}

/// Reads a table of a number for each layer and key head.
private struct Tabled: KVCachePolicy {
  static let name = "tabled"
  static let summary = "reads a table"
  static let source = "nobody has published this"

  let table: Tensor?

  init(_ settings: inout Settings) throws(PolicyError) {
    table = try settings.group("inner", "a group") { settings throws(PolicyError) in
      try settings.artifact("table", kind: "head-profile", "a table") {
        artifact, shape throws(ArtifactError) in
        try artifact.tensor(Artifact.table, shape: [shape.layers, shape.keyHeads])
      }
    }
  }

  static func settings(budget: Amount) -> [String: JSONValue]? { nil }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}

@Suite("An artifact")
struct ArtifactTests {
  private static let shape = CacheShape(layers: 2, keyHeads: 1, queryHeads: 1, headDimension: 4)
  private static let model = ModelIdentity(name: "mine", digest: String(repeating: "a", count: 64))
  private static let digest = String(repeating: "d", count: 64)

  private static func artifact(
    kind: String? = nil, model: ModelIdentity? = nil, _ shape: [Int] = [2, 1],
    _ values: [Float] = [1, 2]
  ) -> Artifact {
    Artifact(
      kind: kind, model: model, digest: digest,
      tensors: [Artifact.table: Tensor(shape: shape, values: values)])
  }

  private static var registry: PolicyRegistry {
    var registry = PolicyRegistry([Tabled.self])
    let stranger = ModelIdentity(name: "other", digest: String(repeating: "b", count: 64))
    registry.artifacts = Shelf(artifacts: [
      "plain": artifact(), "folder/plain": artifact(), "/root": artifact(),
      "mine": artifact(kind: "head-profile", model: model), "other": artifact(model: stranger),
      "gate": artifact(kind: "gate"), "wide": artifact([1, 2]), "long": artifact([2]),
      "nan": artifact([2, 1], [1, .nan]), "infinite": artifact([2, 1], [-.infinity, 0]),
      "named": Artifact(digest: digest, tensors: ["tables": Tensor(shape: [1], values: [1])]),
    ])
    return registry
  }

  private func make(
    _ table: JSONValue, registry: PolicyRegistry = ArtifactTests.registry
  ) throws(PolicyError) -> PolicyAssignment {
    try PolicyConfiguration("tabled", ["inner": ["table": table]])
      .makePolicies(registry, shape: Self.shape, model: Self.model)
  }

  @Test("is read where its kind, model, shape and digest are right or not stated")
  func right() throws {
    for table: JSONValue in [
      "plain", "mine", ["file": "plain", "sha256": .string(Self.digest)],
      ["file": "plain", "sha256": .string(Self.digest.uppercased()), "verified": false],
      ["file": "mine", "verified": true],
    ] {
      let policy = try make(table).policies[0] as? Tabled
      #expect(policy?.table?.values == [1, 2])
    }
  }

  private static let wrong: [(JSONValue, String)] = [
    (.null, "tabled needs 'inner.table', the path of a head-profile"),
    ("missing", "'inner.table': there is no missing"),
    ("other", "other was made on another model, other (bbbbbbbb); this one is mine (aaaaaaaa)"),
    ("gate", "gate is of kind 'gate'; give one of kind 'head-profile'"),
    ("wide", "wide: 'table' is 1 × 2 numbers, and this model needs 2 × 1"),
    ("long", "long: 'table' is 2 numbers, and this model needs 2 × 1"),
    ("nan", "nan: number 1 of 'table' is nan, not finite"),
    ("infinite", "number 0 of 'table' is -inf, not finite"),
    ("named", "it has no tensor 'table' (did you mean 'tables'?); it has tables"),
    (["file": "plain", "sha256": .string(String(repeating: "0", count: 64))], "wants 0000"),
    (["file": "plain", "verified": true], "does not name its model"),
    (["file": "plain", "sha256": "d0"], "'inner.table' cannot be"),
    (["file": "plain", "sha": "d0"], "'inner.table' cannot be"),
    (["sha256": .string(digest)], "'inner.table' cannot be"),
    ("", "'inner.table' cannot be"), (7, "'inner.table' cannot be 7"),
    (["plain"], "'inner.table' cannot be"),
  ]

  @Test("that does not fit is refused before there is a policy", arguments: wrong.indices)
  func refused(_ index: Int) throws {
    let (table, message) = Self.wrong[index]
    let error = #expect(throws: PolicyError.self) { try make(table) }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "none")")
  }

  @Test("needs a source, and a shape that it fits")
  func incomplete() {
    let error = #expect(throws: PolicyError.self) {
      try make("plain", registry: PolicyRegistry([Tabled.self]))
    }
    #expect(error?.description.contains("there is no source of artifacts") == true)
    #expect(throws: PolicyError.self) {
      try Self.registry.make("tabled", ["inner": ["table": "plain"]])
    }
    #expect(throws: PolicyError.self) { try Tabled([:], shape: Self.shape) }
  }

  @Test("is located from the folder of the configuration, and its digest noted")
  func located() throws {
    let text = """
      {"policy": "tabled", "inner": {"table": "plain"},
       "layers": {"1": {"inner": {"table": {"file": "/root"}}}}}
      """
    let (found, artifacts) = try PolicyConfiguration(parsing: text)
      .locatingArtifacts(Self.registry, from: "folder")
    func pinned(_ file: String) -> JSONValue {
      [
        "table": ["file": .string(file), "sha256": .string(Self.digest), "verified": false]
      ]
    }
    #expect(found.main.settings["inner"] == pinned("folder/plain"))
    #expect(found.overrides[0].choice.settings["inner"] == pinned("/root"))
    #expect(artifacts.map(\.file) == ["folder/plain", "/root"])
    // What a report shows can be run again.
    _ = try found.makePolicies(Self.registry, shape: Self.shape)
    let again = try found.locatingArtifacts(Self.registry, from: "")
    #expect(again.configuration == found)
    #expect(throws: PolicyError.self) {
      try PolicyConfiguration(parsing: text).locatingArtifacts(Self.registry, from: "elsewhere")
    }
  }

  @Test("is listed with its kind as what a policy needs")
  func listed() throws {
    let needed = try Self.registry.neededArtifacts(of: "tabled")
    #expect(needed.map(\.name) == ["inner.table"])
    #expect(needed.first?.artifactKind == "head-profile")
    let given: [String: JSONValue] = ["inner": ["table": "plain"]]
    #expect(try Self.registry.neededArtifacts(of: "tabled", given).isEmpty)
  }
}
