extension PolicyConfiguration {
  /// An artifact that a configuration names.
  public struct NamedArtifact: Sendable {
    /// The path from the working folder.
    public let file: String
    /// What the file holds.
    public let artifact: Artifact
  }

  /// The configuration with every path from the working folder and with the digest of its file,
  /// `{"file": …, "sha256": …, "verified": …}`, as reports show it; and the artifacts that it
  /// names, each file once. `verified` tells whether the file names its model.
  ///
  /// - Parameters:
  ///   - registry: the policies and the source of artifacts.
  ///   - folder: the folder in which relative paths begin; empty for the working folder.
  /// - Throws: `PolicyError` for a setting that is unknown or impossible, and for an artifact that
  ///   cannot be read or is not of the digest and kind that the configuration wants.
  public func locatingArtifacts(
    _ registry: PolicyRegistry, from folder: String
  ) throws(PolicyError) -> (configuration: PolicyConfiguration, artifacts: [NamedArtifact]) {
    var (located, named) = (self, [NamedArtifact]())
    try registry.locate(&located.main, from: folder, into: &named)
    for index in located.overrides.indices {
      try registry.locate(&located.overrides[index].choice, from: folder, into: &named)
    }
    return (located, named)
  }
}

extension PolicyRegistry {
  /// The settings of a policy that name artifacts and have none: what the policy needs before it
  /// can run.
  public func neededArtifacts(
    of name: String, _ values: [String: JSONValue] = [:]
  ) throws(PolicyError) -> [Settings.Entry] {
    try settings(of: name, values).filter { $0.artifactKind != nil && $0.value == .null }
  }

  fileprivate func locate(
    _ choice: inout PolicyConfiguration.Choice, from folder: String,
    into named: inout [PolicyConfiguration.NamedArtifact]
  ) throws(PolicyError) {
    for entry in try settings(of: choice.policy, choice.settings) {
      guard let kind = entry.artifactKind, let reference = ArtifactReference(entry.value) else {
        continue
      }
      let isRelative = !reference.file.hasPrefix("/") && !["", "."].contains(folder)
      var located = reference
      if isRelative { located.file = folder + "/" + reference.file }
      do throws(ArtifactError) {
        let artifact = try located.artifact(kind, from: artifacts)
        let value = ArtifactReference(artifact, file: located.file).value
        choice.settings = choice.settings.setting(entry.name.split(separator: ".")[...], value)
        if !named.contains(where: { $0.file == located.file }) {
          named.append(.init(file: located.file, artifact: artifact))
        }
      } catch {
        throw .artifact(setting: entry.name, policy: choice.policy, reason: "\(error)")
      }
    }
  }
}

extension [String: JSONValue] {
  /// The members with another value at a path of names.
  fileprivate func setting(_ path: ArraySlice<Substring>, _ value: JSONValue) -> Self {
    var members = self
    guard let name = path.first.map({ String($0) }) else { return self }
    if path.count == 1 {
      members[name] = value
    } else if case .object(let inner)? = members[name] {
      members[name] = .object(inner.setting(path.dropFirst(), value))
    }
    return members
  }
}
