public import KVPolicyKit
import Synchronization

/// Artifacts in files: safetensors, and tables of numbers as JSON or TSV.
///
/// Each file is read once, however many layers and policies name it.
///
/// A safetensors file says in its metadata what it is: `kvpolicy.kind`, `kvpolicy.model` with
/// `kvpolicy.model.digest`, and `kvpolicy.recipe`. A JSON file is a list of rows of numbers, or an
/// object of the rows as `table` and, as it likes, `kind`, `model` (an object of `name` and
/// `digest`) and `recipe`. A TSV file has a line for each row, with tabs or spaces between the
/// numbers, and says nothing of itself.
public final class ArtifactFiles: ArtifactSource {
  /// The largest file that is read, in bytes.
  public static let sizeLimit = 1 << 28

  private let known = Mutex([String: Result<Artifact, ArtifactError>]())

  /// A source that has read no file.
  public init() {}

  /// The artifact in the file at a path; relative paths begin in the working folder.
  ///
  /// - Throws: `ArtifactError` if the file is missing, too large, broken, or of another format.
  public func artifact(at path: String) throws(ArtifactError) -> Artifact {
    if let result = known.withLock({ $0[path] }) { return try result.get() }
    let result: Result<Artifact, ArtifactError>
    do throws(ModelError) {
      result = .success(try ArtifactFiles.read(path))
    } catch {
      result = .failure(ArtifactError("\(error)"))
    }
    known.withLock { $0[path] = result }
    return try result.get()
  }

  private static func read(_ path: String) throws(ModelError) -> Artifact {
    let file = try MappedFile(path)
    guard file.count <= sizeLimit, let bytes = file.copy(at: 0, bytes: file.count) else {
      throw .malformed(
        file: path, reason: "it has \(file.count) bytes; at most \(sizeLimit) are read")
    }
    let digest = SHA256.hexadecimal(of: bytes)
    switch path.lowercased().split(separator: ".").last {
    case "safetensors": return try safetensors(file, digest: digest)
    case "json": return try ArtifactTable(json: file).artifact(digest)
    case "tsv": return try ArtifactTable(tsv: file).artifact(digest)
    default:
      throw .unreadable(
        path: path, reason: "the name of an artifact ends in .safetensors, .json or .tsv")
    }
  }

  private static func safetensors(
    _ file: MappedFile, digest: String
  ) throws(ModelError) -> Artifact {
    let (list, metadata) = try SafetensorsFile.floats(in: file)
    let tensors = list.map { ($0.name, Tensor(shape: $0.shape, values: $0.values)) }
    let (name, model) = (metadata["kvpolicy.model"], metadata["kvpolicy.model.digest"])
    return Artifact(
      kind: metadata["kvpolicy.kind"],
      model: try ModelIdentity(name: name, digest: model, of: file),
      recipe: metadata["kvpolicy.recipe"], digest: digest,
      tensors: Dictionary(tensors) { $1 })
  }

  /// The bytes of a safetensors file with a kind, the model, a recipe and tensors.
  ///
  /// Equal inputs give equal bytes.
  public static func bytes(
    kind: String, model: ModelIdentity, recipe: String, tensors: [String: Tensor]
  ) -> [UInt8] {
    SafetensorsFile.bytes(
      of: tensors.sorted { $0.key < $1.key }.map { name, tensor in
        FloatTensor(name, shape: tensor.shape, values: tensor.values)
      },
      metadata: [
        "kvpolicy.kind": kind, "kvpolicy.model": model.name,
        "kvpolicy.model.digest": model.digest, "kvpolicy.recipe": recipe,
      ])
  }
}

extension ModelIdentity {
  /// The identity that a file states; nil if it states none.
  ///
  /// - Throws: `ModelError.malformed` for a name without a digest, a digest without a name, and
  ///   anything that is no digest.
  init?(name: String?, digest: String?, of file: MappedFile) throws(ModelError) {
    if name == nil, digest == nil { return nil }
    guard let name, let digest, digest.utf8.count == 64, digest.allSatisfy(\.isHexDigit) else {
      throw .malformed(
        file: file.path,
        reason: "it names a model without a digest of 64 hexadecimal digits, or the digest alone")
    }
    self.init(name: name, digest: digest.lowercased())
  }
}
