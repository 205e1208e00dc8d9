import KVPolicyKit

/// How kernels read the rows of a list, which are all stored alike.
struct RowEncoding {
  /// How single numbers are stored.
  enum Numbers {
    case f32, f16
    /// Integers from -128 to 127, from 0 to 3, from 0 to 15, and from 0 to 255.
    case signedBytes, codes2, codes4, codes8
  }

  /// What the numbers are multiplied with, and what is added.
  enum Scaling {
    /// Numbers are the elements.
    case none
    /// Each group of a row has a scale.
    case ofRow
    /// Each group of a row has a scale and a zero.
    case ofRowWithZero
    /// Each channel has a scale and a zero, which all rows of a block share.
    case ofBlock
  }

  let numbers: Numbers
  let scaling: Scaling
  /// Numbers of a row.
  let width: Int
  /// Numbers that share a scale; all where rows have none of their own.
  let group: Int
  /// Bytes from the first number of a group to the first number of the next group.
  let groupBytes: Int
  /// Whether scales and zeros are 32-bit floats; else they are 16-bit floats.
  let isWide: Bool
  /// Whether only what a key map says is stored.
  let isMapped: Bool

  /// Bytes of the scale before the first number of a row in a store's format.
  var firstNumber: Int { scaling == .ofRow ? 2 : 0 }
  /// Groups of a row.
  var groups: Int { width / group }
  /// Whether rows are integers that kernels of integers read, 32 of a group at a time.
  var isInteger: Bool {
    guard group.isMultiple(of: 32) else { return false }
    return switch numbers {
    case .f32, .f16: false
    case .signedBytes, .codes2, .codes4, .codes8: true
    }
  }

  /// Rows in a store's format.
  init(_ format: RowFormat, width: Int) {
    self.width = width
    (isWide, isMapped) = (false, false)
    switch format {
    case .f32: (numbers, scaling, group, groupBytes) = (.f32, .none, width, 0)
    case .f16: (numbers, scaling, group, groupBytes) = (.f16, .none, width, 0)
    case .q8_0:
      (numbers, scaling, group) = (.signedBytes, .ofRow, format.blockElements)
      groupBytes = format.blockBytes
    }
  }

  /// Rows of a block of codes; nil if kernels do not read such codes. These are groups that do not
  /// begin with a whole byte; and, where rows share scales, values, and blocks whose rows or
  /// channels do not fill registers.
  init?(_ block: CodeBlock, isMapped: Bool, value: Bool) {
    (width, isWide) = (block.width, block.isWide)
    self.isMapped = isMapped
    guard block.storedBits > 0 else {
      (numbers, scaling, group, groupBytes) = (block.isWide ? .f32 : .f16, .none, width, 0)
      return
    }
    switch block.storedBits {
    case 2: numbers = .codes2
    case 4: numbers = .codes4
    default: numbers = .codes8
    }
    guard block.format.grouping == .ofRow else {
      guard !value, block.isByWord, block.rows.isMultiple(of: vectorWidth),
        block.width.isMultiple(of: vectorWidth)
      else { return nil }
      (scaling, group, groupBytes) = (.ofBlock, width, 0)
      return
    }
    (scaling, group) = (.ofRowWithZero, block.format.group)
    guard (group * block.storedBits).isMultiple(of: 8) else { return nil }
    groupBytes = group * block.storedBits / 8
  }
}
