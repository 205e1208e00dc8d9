/// Numbers with a shape, as an artifact holds them.
public struct Tensor: Hashable, Sendable {
  /// Elements along each axis, outermost first.
  public let shape: [Int]
  /// The elements in row-major order; their number is the product of `shape`.
  public let values: [Float]

  /// Numbers of this shape.
  ///
  /// - Precondition: the number of `values` is the product of `shape`. A reader of files checks them
  ///   before it makes a tensor.
  public init(shape: [Int], values: [Float]) {
    precondition(shape.reduce(1, *) == values.count, "the values are not of this shape")
    self.shape = shape
    self.values = values
  }
}

/// What a policy needs beside its settings and was learned or measured: which heads need all
/// tokens, the weights of a scorer, trained vectors.
public struct Artifact: Hashable, Sendable {
  /// The name of the only tensor of an artifact that is a table of numbers.
  public static let table = "table"

  /// What the artifact is for, such as `head-profile`; nil if it does not say so.
  public let kind: String?
  /// The model that the artifact was made on; nil if it does not say so.
  public let model: ModelIdentity?
  /// How the artifact was made, for people; nil if it does not say so.
  public let recipe: String?
  /// SHA-256 of the bytes that the artifact was read from, in hexadecimal digits.
  public let digest: String
  /// The artifact's tensors.
  public let tensors: [String: Tensor]

  /// Makes an artifact. A source of artifacts does that.
  public init(
    kind: String? = nil, model: ModelIdentity? = nil, recipe: String? = nil, digest: String,
    tensors: [String: Tensor]
  ) {
    self.kind = kind
    self.model = model
    self.recipe = recipe
    self.digest = digest
    self.tensors = tensors
  }

  /// A tensor of the artifact.
  ///
  /// - Parameters:
  ///   - name: the tensor's name.
  ///   - shape: the elements along each axis; nil for any number of at least 1.
  /// - Throws: `ArtifactError` if there is no such tensor, if its shape is another, or if one of
  ///   its numbers is infinite or not a number.
  /// - Complexity: O(elements).
  public func tensor(_ name: String, shape: [Int?]) throws(ArtifactError) -> Tensor {
    guard let tensor = tensors[name] else {
      let known = tensors.keys.sorted()
      throw ArtifactError(
        "it has no tensor '\(name)'" + suggestion(for: name, among: known) + "; it has "
          + (known.isEmpty ? "none" : known.joined(separator: ", ")))
    }
    let fits = zip(tensor.shape, shape).allSatisfy { $0 == $1 ?? max(1, $0) }
    guard tensor.shape.count == shape.count, fits else {
      let wanted = shape.map { $0.map { "\($0)" } ?? "any" }.joined(separator: " × ")
      let found = tensor.shape.map { "\($0)" }.joined(separator: " × ")
      throw ArtifactError(
        "'\(name)' is \(found) numbers, and this model needs \(wanted); was it made for another?")
    }
    if let index = tensor.values.firstIndex(where: { !$0.isFinite }) {
      throw ArtifactError("number \(index) of '\(name)' is \(tensor.values[index]), not finite")
    }
    return tensor
  }
}

/// Where artifacts come from. The kit reads no files: whoever makes policies gives a source to
/// ``PolicyRegistry/artifacts``.
public protocol ArtifactSource: Sendable {
  /// The artifact at a path.
  ///
  /// - Throws: `ArtifactError` if there is none, or if it is broken.
  func artifact(at path: String) throws(ArtifactError) -> Artifact
}

/// Why an artifact cannot be used, in words. ``PolicyError/artifact(setting:policy:reason:)`` adds
/// the setting that names it.
public struct ArtifactError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The reason: what is wrong, and what is legal.
  public let description: String

  /// An error with this reason.
  public init(_ reason: String) { description = reason }
}
