import { crc32, deflateRawSync } from 'node:zlib'
import iconv from 'iconv-lite'
import yauzl from 'yauzl'
import { StatementRefused } from '../../ports.ts'

/** Bounds against archives made to fill memory. */
export const UNPACKED_BYTES_MAX = 512 * 1024 * 1024
const ENTRIES_MAX = 10
const NAME_BYTES_MAX = 256
const UTF8_FLAG = 0x0800
const ENCRYPTED_FLAG = 0x0001

export interface PackedFile {
  name: string
  content: Buffer
}

/**
 * Unpacks a small archive in memory. Names are GBK unless flagged as UTF-8. Nothing is written to disk, yet a name that
 * would leave its folder marks a forged file and refuses the whole. Throws StatementRefused.
 */
export async function unpack(raw: Buffer, bytes_max = UNPACKED_BYTES_MAX): Promise<PackedFile[]> {
  const zip = await open(raw)
  if (zip.entryCount > ENTRIES_MAX) throw new StatementRefused('archive_entries', 0, `${zip.entryCount} entries`)
  const files: PackedFile[] = []
  let left = bytes_max
  for await (const entry of zip.eachEntry()) {
    const name = nameOf(entry)
    if (entry.generalPurposeBitFlag & ENCRYPTED_FLAG) throw new StatementRefused('archive_encrypted', 0, name)
    if (entry.uncompressedSize > left) throw new StatementRefused('archive_too_large', 0, `${name}: ${entry.uncompressedSize} bytes`)
    const content = await contentOf(zip, entry, left)
    left -= content.length
    files.push({ name, content })
  }
  return files
}

async function open(raw: Buffer): Promise<yauzl.ZipFile> {
  try {
    return await yauzl.fromBufferPromise(raw, { lazyEntries: true, decodeStrings: false, validateEntrySizes: true })
  } catch (error) {
    throw new StatementRefused('archive_bad', 0, (error as Error).message)
  }
}

function nameOf(entry: yauzl.Entry): string {
  const bytes = entry.fileName as unknown as Buffer
  if (bytes.length > NAME_BYTES_MAX) throw new StatementRefused('archive_name', 0, `${bytes.length} bytes`)
  const name = entry.generalPurposeBitFlag & UTF8_FLAG ? bytes.toString() : iconv.decode(bytes, 'gbk')
  if (name === '' || /[\\/\0:]/.test(name) || name.includes('..')) throw new StatementRefused('archive_name', 0, JSON.stringify(name))
  return name
}

/** Counts what really comes out: the size in the directory is only the sender's word. */
async function contentOf(zip: yauzl.ZipFile, entry: yauzl.Entry, bytes_max: number): Promise<Buffer> {
  try {
    const parts: Buffer[] = []
    let total = 0
    for await (const part of await zip.openReadStreamPromise(entry)) {
      total += part.length
      if (total > bytes_max) throw new StatementRefused('archive_too_large', 0, `more than ${bytes_max} bytes`)
      parts.push(part)
    }
    const content = Buffer.concat(parts, total)
    if (crc32(content) !== entry.crc32) throw new StatementRefused('archive_bad', 0, 'checksum differs')
    return content
  } catch (error) {
    if (error instanceof StatementRefused) throw error
    throw new StatementRefused('archive_bad', 0, (error as Error).message)
  }
}

/** Writes an archive as the channel does: GBK names without the UTF-8 flag, which the usual writers cannot produce. */
export function pack(files: readonly PackedFile[]): Buffer {
  const bodies: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const { name, content } of files) {
    const nameBytes = iconv.encode(name, 'gbk')
    const packed = deflateRawSync(content)
    // Shared tail of both headers: version 20, no flags, deflate, time 0, 1980-01-01, checksum, sizes, name length, no extra.
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(8, 4)
    common.writeUInt16LE(0x21, 8)
    common.writeUInt32LE(crc32(content), 10)
    common.writeUInt32LE(packed.length, 14)
    common.writeUInt32LE(content.length, 18)
    common.writeUInt16LE(nameBytes.length, 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, nameBytes, packed])
    const place = Buffer.alloc(14)
    place.writeUInt32LE(at, 10)
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, place, nameBytes)
    bodies.push(local)
    at += local.length
  }
  const index = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(files.length, 8)
  end.writeUInt16LE(files.length, 10)
  end.writeUInt32LE(index.length, 12)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...bodies, index, end])
}
