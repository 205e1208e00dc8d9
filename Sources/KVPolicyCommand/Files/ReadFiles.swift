/// The files that a run of the tool reads, by device and inode. An output must not replace them.
///
/// A file is added where the command line names it, and again when it is opened: between the two a
/// path can come to mean another file.
final class ReadFiles {
  private var names: [FileIdentity: String] = [:]

  /// Adds the file at a path. A path without a file adds nothing.
  func add(_ path: String) {
    if let status = try? FileStatus.of(path) { names[status.identity] = path }
  }

  /// Adds an open file.
  func add(_ file: Descriptor, name: String) {
    if let status = try? FileStatus.of(file) { names[status.identity] = name }
  }

  /// The name under which a file was added, or nil.
  func name(of file: FileIdentity) -> String? { names[file] }
}
