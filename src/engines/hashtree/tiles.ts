import { CompactRange, foldPeaks, HASH_BYTES, type NodeId, nodeHash, peakNodes } from './rfc6962.ts'

/** Hashes in a full tile (C2SP tlog-tiles: height 8). */
export const TILE_WIDTH = 256
const TILE_HEIGHT = 8

export interface TileId {
  /** Tile level: 0 holds leaf hashes, each next one holds the roots of full tiles below. */
  readonly level: number
  readonly n: number
}

export interface Tile extends TileId {
  /** Hashes held, 1 to 256. */
  readonly width: number
  /** The hashes, one after another. */
  readonly hashes: Buffer
}

/** Path of a tile as C2SP tlog-tiles spells it: `tile/0/x001/x234/067`, partial ones with `.p/<width>`. */
export function tilePath({ level, n }: TileId, width = TILE_WIDTH): string {
  const digits = String(n)
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0')
  const groups = padded.match(/\d{3}/g)!
  const path = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/')
  return `tile/${level}/${path}${width < TILE_WIDTH ? `.p/${width}` : ''}`
}

/** Reads what `tilePath` writes; undefined for any other spelling, so that each tile has one address. */
export function parseTilePath(path: string): (TileId & { readonly width: number }) | undefined {
  const found = /^tile\/([0-9]|[1-5][0-9]|6[0-3])\/((?:x\d{3}\/){0,4}\d{3})(?:\.p\/(\d{1,3}))?$/.exec(path)
  if (!found) return undefined
  const tile = { level: Number(found[1]), n: Number(found[2]!.replaceAll(/[x/]/g, '')), width: Number(found[3] ?? TILE_WIDTH) }
  return tile.width >= 1 && tilePath(tile, tile.width) === path ? tile : undefined
}

/** The tile a subtree is computed from, and the hashes [from, from + count) of it. */
export function tileOf({ level, index }: NodeId): TileId & { readonly from: number; readonly count: number } {
  const count = 2 ** (level % TILE_HEIGHT)
  const first = index * count
  return { level: Math.floor(level / TILE_HEIGHT), n: Math.floor(first / TILE_WIDTH), from: first % TILE_WIDTH, count }
}

/** Hash of a subtree out of its tile. Throws RangeError when the tile is too narrow. */
export function nodeFromTile(node: NodeId, hashes: Buffer): Buffer {
  const { from, count } = tileOf(node)
  if (hashes.length < (from + count) * HASH_BYTES)
    throw new RangeError(`tile of ${hashes.length / HASH_BYTES} hashes ends before ${from + count}`)
  let row = splitHashes(hashes.subarray(from * HASH_BYTES, (from + count) * HASH_BYTES))
  while (row.length > 1) row = Array.from({ length: row.length / 2 }, (_, i) => nodeHash(row[2 * i]!, row[2 * i + 1]!))
  return Buffer.from(row[0]!)
}

export function splitHashes(bytes: Buffer): Buffer[] {
  if (bytes.length % HASH_BYTES !== 0) throw new RangeError(`${bytes.length} bytes are not whole hashes`)
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, i) => bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES))
}

/** The tiles on the right edge of a tree of `size` leaves, level by level, with the hashes each holds (0 to 255). */
export function edgeTiles(size: number): (TileId & { readonly width: number })[] {
  const edge: (TileId & { width: number })[] = []
  for (let level = 0, count = size; level === 0 || count > 0; level++, count = Math.floor(count / TILE_WIDTH)) {
    edge.push({ level, n: Math.floor(count / TILE_WIDTH), width: count % TILE_WIDTH })
  }
  return edge
}

/**
 * A growing tree that knows its unfinished tiles, so that each batch of leaves yields the tiles to store.
 * Leaf tiles are given out only when full, since the leaves themselves are stored with the entries; upper
 * tiles are given out at each new width: about 16 bytes an entry.
 */
export class TiledTree {
  readonly #range: CompactRange
  readonly #edge: Buffer[][]

  private constructor(range: CompactRange, edge: Buffer[][]) {
    this.#range = range
    this.#edge = edge
  }

  static empty(): TiledTree {
    return new TiledTree(new CompactRange(), [[]])
  }

  /** Rebuilds from the hashes of `edgeTiles(size)`, in that order. Throws RangeError when a width differs. */
  static restore(size: number, edge: readonly Buffer[]): TiledTree {
    const wanted = edgeTiles(size)
    const rows = edge.map(splitHashes)
    for (const { level, width } of wanted) {
      if (rows[level]?.length !== width)
        throw new RangeError(`level ${level} of a tree of ${size} needs ${width} hashes, got ${rows[level]?.length}`)
    }
    const peaks = peakNodes(size).map(node => {
      const { level, from, count } = tileOf(node)
      return foldPeaks(completePairs(rows[level]!.slice(from, from + count)))
    })
    return new TiledTree(new CompactRange(size, peaks), rows)
  }

  get size(): number {
    return this.#range.size
  }

  root(): Buffer {
    return this.#range.root()
  }

  clone(): TiledTree {
    return new TiledTree(
      this.#range.clone(),
      this.#edge.map(row => [...row]),
    )
  }

  /** Adds leaf hashes in order; gives the tiles that became full, or wider above level 0. */
  append(leaves: readonly Buffer[]): Tile[] {
    const finished: Tile[] = []
    const widened = new Map<number, TileId>()
    const visit = (level: number, index: number, node: Buffer) => {
      if (level % TILE_HEIGHT !== 0) return
      const tileLevel = level / TILE_HEIGHT
      this.#edge[tileLevel] ??= []
      const row = this.#edge[tileLevel]
      row.push(node)
      const n = Math.floor(index / TILE_WIDTH)
      if (row.length === TILE_WIDTH) {
        finished.push({ level: tileLevel, n, width: TILE_WIDTH, hashes: Buffer.concat(row) })
        this.#edge[tileLevel] = []
        widened.delete(tileLevel)
      } else if (tileLevel > 0) {
        widened.set(tileLevel, { level: tileLevel, n })
      }
    }
    for (const leaf of leaves) this.#range.append(leaf, visit)
    for (const tile of widened.values()) {
      const row = this.#edge[tile.level]!
      finished.push({ ...tile, width: row.length, hashes: Buffer.concat(row) })
    }
    return finished
  }
}

/** A power-of-two row of hashes reduced to its root. */
function completePairs(row: readonly Buffer[]): Buffer[] {
  let now = [...row]
  while (now.length > 1) now = Array.from({ length: now.length / 2 }, (_, i) => nodeHash(now[2 * i]!, now[2 * i + 1]!))
  return now
}
