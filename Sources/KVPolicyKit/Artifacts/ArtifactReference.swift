/// A setting that names an artifact: its path, and what is known of the file.
struct ArtifactReference: Hashable {
  static let legal = #"a path, or {"file": path, "sha256": digest}"#

  /// Where the artifact is.
  var file: String
  /// The digest that the file must have; nil for any.
  var sha256: String?
  /// Whether the artifact must name its model; nil for no demand.
  var isVerified: Bool?

  /// Reads a setting; nil for a value that is no reference.
  init?(_ value: JSONValue) {
    switch value {
    case .string(let path): file = path
    case .object(var members):
      guard case .string(let path)? = members.removeValue(forKey: "file") else { return nil }
      file = path
      switch members.removeValue(forKey: "sha256") ?? .null {
      case .null: break
      case .string(let digest):
        let digits = digest.lowercased()
        guard digits.utf8.count == 64, digits.allSatisfy(\.isHexDigit) else { return nil }
        sha256 = digits
      default: return nil
      }
      switch members.removeValue(forKey: "verified") ?? .null {
      case .null: break
      case .bool(let flag): isVerified = flag
      default: return nil
      }
      guard members.isEmpty else { return nil }
    default: return nil
    }
    guard !file.isEmpty else { return nil }
  }

  /// The reference to an artifact that was read: with its digest, and whether the artifact names
  /// its model.
  init(_ artifact: Artifact, file: String) {
    self.file = file
    sha256 = artifact.digest
    isVerified = artifact.model != nil
  }

  /// The reference as a setting.
  var value: JSONValue {
    var members = ["file": JSONValue.string(file)]
    if let sha256 { members["sha256"] = .string(sha256) }
    if let isVerified { members["verified"] = .bool(isVerified) }
    return .object(members)
  }

  /// The artifact, if it is the one that the reference means.
  func artifact(
    _ kind: String, from source: (any ArtifactSource)?
  ) throws(ArtifactError) -> Artifact {
    guard let source else {
      throw ArtifactError(
        "\(file) cannot be read, because there is no source of artifacts; set the registry's "
          + "'artifacts'")
    }
    let artifact = try source.artifact(at: file)
    func refusal(_ reason: String) -> ArtifactError { ArtifactError("\(file) \(reason)") }
    if let sha256, sha256 != artifact.digest {
      throw refusal("has the SHA-256 \(artifact.digest), and the configuration wants \(sha256)")
    }
    if let found = artifact.kind, found != kind {
      throw refusal("is of kind '\(found)'; give one of kind '\(kind)'")
    }
    if isVerified == true, artifact.model == nil {
      throw refusal("does not name its model; leave out \"verified\" to use it all the same")
    }
    return artifact
  }
}
