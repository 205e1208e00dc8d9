extension Settings {
  /// An artifact that the policy cannot do without, read by `read`; nil where only the settings are
  /// asked for, that is, where no shape is known.
  ///
  /// A file that names a model other than the one at hand is refused. A file that names none must
  /// fit by its shapes, which `read` checks.
  ///
  /// - Parameters:
  ///   - name: the setting's key.
  ///   - kind: the kind of artifact, as its file states it.
  ///   - meaning: what the artifact is for, in words.
  ///   - read: takes from the artifact what the policy needs, for a cache of the given shape.
  /// - Throws: `PolicyError.artifact` if the artifact does not fit, `PolicyError.needsArtifact` if
  ///   none is given.
  public mutating func artifact<Content>(
    _ name: String, kind: String, _ meaning: String,
    _ read: (Artifact, CacheShape) throws(ArtifactError) -> Content
  ) throws(PolicyError) -> Content? {
    let legal = ArtifactReference.legal
    let value = try record(name, .null, legal, meaning, artifact: kind)
    let reference = ArtifactReference(value)
    guard reference != nil || value == .null else { throw bad(name, value, legal) }
    guard let shape else { return nil }
    guard let reference else {
      throw .needsArtifact(setting: path + name, policy: policy, kind: kind)
    }
    do throws(ArtifactError) {
      let artifact = try reference.artifact(kind, from: artifacts)
      if let made = artifact.model, let model, made.digest != model.digest {
        throw ArtifactError(
          "\(reference.file) was made on another model, \(made.name) (\(made.digest.prefix(8))); "
            + "this one is \(model.name) (\(model.digest.prefix(8)))")
      }
      do throws(ArtifactError) {
        return try read(artifact, shape)
      } catch {
        throw ArtifactError("\(reference.file): \(error)")
      }
    } catch {
      throw .artifact(setting: path + name, policy: policy, reason: "\(error)")
    }
  }
}
