import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { crc32, deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { silentLog } from '#kernel/log.ts'
import { createPhotoReader, isPhotoInstalled, type PhotoLimits, type PhotoReader } from '../index.ts'
import { readPictureHead } from '../photo/picture.ts'

const skip = isPhotoInstalled() ? false : 'the optional models are not installed'
const PREFIX = 'https://pay.example/b/'

/** A PNG of one colour, one bit a pixel, however large: a few bytes a thousand rows. */
function plainPng(width: number, height: number, says = { width, height }): Buffer {
  const chunk = (name: string, body: Buffer): Buffer => {
    const typed = Buffer.concat([Buffer.from(name, 'latin1'), body])
    const out = Buffer.alloc(typed.length + 8)
    out.writeUInt32BE(body.length, 0)
    typed.copy(out, 4)
    out.writeUInt32BE(crc32(typed), typed.length + 4)
    return out
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(says.width, 0)
  head.writeUInt32BE(says.height, 4)
  head[8] = 1
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(Buffer.alloc((1 + Math.ceil(width / 8)) * height))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

async function withReader<T>(work: (reader: PhotoReader) => Promise<T>, limits: Partial<PhotoLimits> = {}): Promise<T> {
  const reader = createPhotoReader(silentLog(), limits)
  try {
    return await work(reader)
  } finally {
    await reader.stop()
  }
}

const outcome = async (reader: PhotoReader, bytes: Buffer): Promise<string> => {
  const read = await reader.read(bytes, PREFIX)
  return read.ok ? `${read.value.lines.length} lines` : read.error.code
}
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('the head of a file', () => {
  test('tells format and size without decoding', { skip }, async () => {
    const { default: sharp } = await import('sharp')
    const plain = sharp({ create: { width: 321, height: 123, channels: 3, background: '#fff' } })
    for (const format of ['jpeg', 'png', 'webp'] as const)
      assert.deepEqual(readPictureHead(await plain.clone().toFormat(format).toBuffer()), { format, width: 321, height: 123 })
    assert.deepEqual(readPictureHead(await plain.clone().webp({ lossless: true }).toBuffer()), { format: 'webp', width: 321, height: 123 })
    const turned = await plain.clone().jpeg({ progressive: true }).withMetadata({ orientation: 6 }).toBuffer()
    assert.deepEqual(readPictureHead(turned), { format: 'jpeg', width: 321, height: 123 })
  })

  test('of anything else is nothing, and never a failure', () => {
    const beginnings = [
      '',
      'GIF89a',
      '%PDF-1.7',
      '<svg xmlns="http://www.w3.org/2000/svg"/>',
      '\x89PNG\r\n\x1a\n',
      '\xff\xd8\xff',
      'RIFF....WEBP',
    ]
    fc.assert(
      fc.property(fc.constantFrom(...beginnings), fc.uint8Array({ maxLength: 200 }), (start, rest) => {
        const head = readPictureHead(Buffer.concat([Buffer.from(start, 'latin1'), rest]))
        assert.ok(head === undefined || (head.width > 0 && head.height > 0))
      }),
      { numRuns: 2_000 },
    )
  })
})

test('where the packages are missing, pictures are not offered', () => {
  const bare = mkdtempSync(join(tmpdir(), 'yimen-bare-'))
  try {
    assert.equal(isPhotoInstalled(join(bare, 'any.js')), false)
  } finally {
    rmSync(bare, { recursive: true })
  }
})

test('what is no picture, or too large a one, is refused before any process sees it', () =>
  withReader(async reader => {
    assert.equal(await outcome(reader, Buffer.from('not a picture at all')), 'billing.photo_not_a_picture')
    assert.equal(await outcome(reader, plainPng(8, 8, { width: 60_000, height: 60_000 })), 'billing.photo_too_large')
    assert.equal(await outcome(reader, plainPng(8, 8, { width: 30_000, height: 10 })), 'billing.photo_too_large')
    assert.equal(await outcome(reader, Buffer.alloc(13 * 2 ** 20)), 'billing.photo_too_large')
    assert.equal(reader.worker().pid, undefined)
  }))

describe('the process that reads pictures', { skip, timeout: 120_000 }, () => {
  test('answers for broken pictures and goes on', () =>
    withReader(async reader => {
      const whole = plainPng(400, 300)
      assert.equal(await outcome(reader, whole), '0 lines')
      const { pid } = reader.worker()
      assert.equal(await outcome(reader, whole.subarray(0, whole.length - 30)), 'billing.photo_unreadable')
      assert.equal(await outcome(reader, plainPng(400, 2, { width: 400, height: 300 })), 'billing.photo_unreadable')
      assert.equal(await outcome(reader, Buffer.concat([whole.subarray(0, 40), Buffer.alloc(4_000, 7)])), 'billing.photo_unreadable')
      assert.equal(await outcome(reader, whole), '0 lines')
      assert.equal(reader.worker().pid, pid, 'one process for all of them')
    }))

  test('opens the largest picture allowed within its memory', () =>
    withReader(async reader => {
      const bomb = plainPng(8_000, 8_000)
      assert.ok(bomb.length < 20_000, 'small on the way, 192 MB when opened')
      assert.equal(await outcome(reader, bomb), '0 lines')
      assert.ok(reader.worker().rssMax < 900 * 2 ** 20, `${reader.worker().rssMax} bytes`)
    }))

  test('killed in the middle of a picture costs that picture alone', () =>
    withReader(async reader => {
      assert.equal(await outcome(reader, plainPng(64, 64)), '0 lines')
      const { pid } = reader.worker()
      const [first, second] = [outcome(reader, plainPng(6_000, 6_000)), outcome(reader, plainPng(64, 64))]
      await sleep(30)
      process.kill(pid!, 'SIGKILL')
      assert.equal(await first, 'billing.photo_failed')
      assert.equal(await second, '0 lines')
      assert.notEqual(reader.worker().pid, pid)
    }))

  test('is ended when a picture takes too long or too much memory, and the next one is read', async () => {
    for (const limits of [{ picture_ms_max: 1 }, { rssMax: 60 * 2 ** 20 }])
      await withReader(async reader => {
        const began = performance.now()
        assert.equal(await outcome(reader, plainPng(8_000, 8_000)), 'billing.photo_failed')
        assert.ok(performance.now() - began < 20_000)
      }, limits)
  })

  test('takes twenty pictures at once by reading some and sending the others away', () =>
    withReader(async reader => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => outcome(reader, plainPng(600, 400))))
      const counts = Map.groupBy(answers, answer => answer)
      assert.equal(counts.get('0 lines')?.length, 6)
      assert.equal(counts.get('billing.photo_busy')?.length, 14)
      assert.equal(await outcome(reader, plainPng(64, 64)), '0 lines', 'afterwards there is room again')
    }))

  test('ends when nothing comes any more, and when it is told to', async () => {
    await withReader(
      async reader => {
        assert.equal(await outcome(reader, plainPng(64, 64)), '0 lines')
        const pid = reader.worker().pid!
        for (let tries = 0; isAlive(pid) && tries < 100; tries++) await sleep(50)
        assert.equal(isAlive(pid), false)
        assert.equal(await outcome(reader, plainPng(64, 64)), '0 lines')
      },
      { idle_ms_max: 100 },
    )
    const reader = createPhotoReader(silentLog())
    assert.equal(await outcome(reader, plainPng(64, 64)), '0 lines')
    const pid = reader.worker().pid!
    await reader.stop()
    assert.equal(isAlive(pid), false)
    assert.equal(await outcome(reader, plainPng(64, 64)), 'billing.photo_failed')
  })
})
