import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  CanonicalError,
  type Checkpoint,
  canonicalJson,
  consistencyPath,
  leafHash,
  noteSigner,
  openCheckpoint,
  openNote,
  parseCheckpoint,
  parseReceipt,
  parseVkey,
  RECEIPT_FORMAT,
  receiptText,
  signCheckpoint,
  signNote,
  sm2NoteSigner,
  verifyBundle,
  witnessCheckpoint,
} from '../index.ts'
import { naiveReader, naiveRoot } from './naive.ts'

const signerOf = (name: string) => noteSigner(name, generateKeyPairSync('ed25519').privateKey)
const ours = signerOf('town.example/trail')
const theirs = signerOf('town.example/trail')
const pinned = [parseVkey(ours.vkey)!]

test('only a signature of a pinned key opens a note; a wrong one of a pinned key spoils it', () => {
  const note = signNote('hello\n', ours)
  assert.equal(openNote(note, pinned).ok, true)
  assert.deepEqual(openNote(signNote('hello\n', theirs), pinned), { ok: false, why: 'not signed by a pinned key' })
  const both = note + signNote('hello\n', theirs).split('\n\n')[1]
  assert.equal(openNote(both, pinned).ok, true)
  const right = note.split('\n\n')[1]!
  const wrong = signNote('hallo\n', ours).split('\n\n')[1]!
  assert.equal(openNote(`hello\n\n${right}${wrong}`, pinned).ok, false)
  assert.throws(() => signNote('no newline', ours), TypeError)
  assert.throws(() => signNote('tab\t\n', ours), TypeError)
})

test('verifier keys are read in their one spelling', () => {
  assert.equal(parseVkey(ours.vkey)!.name, ours.name)
  assert.equal(parseVkey(ours.vkey.replace('town', 'down')), undefined)
  assert.equal(parseVkey('nonsense'), undefined)
  assert.throws(() => noteSigner('has space', generateKeyPairSync('ed25519').privateKey), TypeError)
  assert.throws(() => noteSigner('rsa', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey), TypeError)
})

test('a note signed by SM2 as well opens by either key, and a wrong line of either spoils it', () => {
  const national = sm2NoteSigner('town.example/trail', '3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8')
  const keys = [ours, national].map(signer => parseVkey(signer.vkey)!)
  const note = signNote('hello\n', ours, national)
  for (const trusted of [keys, [keys[0]!], [keys[1]!]]) assert.equal(openNote(note, trusted).ok, true)
  assert.equal(openNote(signNote('hello\n', national), [keys[0]!]).ok, false)
  const [, lines] = note.split('\n\n')
  for (const signer of [ours, national]) {
    const other = signNote('hallo\n', signer).split('\n\n')[1]!
    assert.equal(openNote(`hello\n\n${lines}${other}`, keys).ok, false)
  }
  for (const forged of ['ff'.repeat(64), '00'.repeat(64), `${'01'.repeat(32)}${'00'.repeat(32)}`]) {
    const line = Buffer.from(`${national.id.toString('hex')}${forged}`, 'hex').toString('base64')
    assert.deepEqual(openNote(`hello\n\n— ${national.name} ${line}\n`, keys), { ok: false, why: `wrong signature of ${national.name}` })
  }
  assert.equal(parseVkey(national.vkey.replace('town', 'down')), undefined)
  assert.throws(() => sm2NoteSigner('town.example/trail', 'not a key'), TypeError)
  assert.throws(() => sm2NoteSigner('town.example/trail', '0'.repeat(64)))
})

test('SM2 is the one of the standard: its printed example verifies', () => {
  // GB/T 32918.2: message digest, user 1234567812345678, the recommended curve.
  const point =
    '0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13'
  const encoded = Buffer.concat([Buffer.from('\xffSM2-SM3:', 'latin1'), Buffer.from(point, 'hex')])
  const id = createHash('sha256').update('sample\n').update(encoded).digest().subarray(0, 4).toString('hex')
  const key = parseVkey(`sample+${id}+${encoded.toString('base64')}`)
  const signature =
    'f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3' + 'b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa'
  assert.equal(key?.isRight(Buffer.from('message digest'), Buffer.from(signature, 'hex')), true)
  assert.equal(key?.isRight(Buffer.from('message digesT'), Buffer.from(signature, 'hex')), false)
})

test('a checkpoint comes back as it was written; malformed ones are refused', () => {
  const checkpoint: Checkpoint = { origin: 'town.example/trail/3', size: 17, root: leafHash('x') }
  const opened = openCheckpoint(signCheckpoint(checkpoint, ours), pinned)
  assert.deepEqual(opened, { ok: true, checkpoint })
  const root = checkpoint.root.toString('base64')
  for (const text of [
    `o\n017\n${root}\n`,
    `o\n-1\n${root}\n`,
    `\n1\n${root}\n`,
    `o\n1\n${root}`,
    `o\n1\nAAAA\n`,
    `o\n9007199254740993\n${root}\n`,
  ]) {
    assert.equal(parseCheckpoint(text), undefined, JSON.stringify(text))
  }
  const stranger = signCheckpoint({ ...checkpoint, origin: 'other.example/trail' }, ours)
  assert.equal(openCheckpoint(stranger, pinned).ok, false)
})

test('an insider who rewrites the tree and signs it with the real key is refused by a witness', () => {
  const leaves = Array.from({ length: 40 }, (_, i) => leafHash(`entry ${i}`))
  const at = (size: number, tree = leaves): Checkpoint => ({ origin: 'town.example/trail', size, root: naiveRoot(tree.slice(0, size)) })
  const seen = witnessCheckpoint(undefined, signCheckpoint(at(25), ours), [], pinned)
  assert.ok(seen.ok)
  assert.ok(witnessCheckpoint(seen.checkpoint, signCheckpoint(at(40), ours), consistencyPath(25, 40, naiveReader(leaves)), pinned).ok)
  const rewritten = leaves.with(3, leafHash('nothing happened'))
  const forged = signCheckpoint(at(40, rewritten), ours)
  assert.equal(openCheckpoint(forged, pinned).ok, true)
  for (const tree of [leaves, rewritten]) {
    assert.equal(witnessCheckpoint(seen.checkpoint, forged, consistencyPath(25, 40, naiveReader(tree)), pinned).ok, false)
  }
  assert.equal(witnessCheckpoint(seen.checkpoint, signCheckpoint(at(24), ours), [], pinned).ok, false)
})

test('a canonical text is read back to the same value and the same text', () => {
  const scalar = fc.oneof(
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
    fc.string({ unit: 'grapheme' }).filter(s => !s.includes('\0')),
  )
  const { value } = fc.letrec(tie => ({
    value: fc.oneof(
      { maxDepth: 4 },
      scalar,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.string({ unit: 'grapheme-ascii' }), tie('value'), { maxKeys: 4 }),
    ),
  }))
  fc.assert(
    fc.property(value, given => {
      const text = canonicalJson(given)
      assert.equal(canonicalJson(JSON.parse(text)), text)
      assert.equal(text, canonicalJson(structuredClone(given)))
    }),
  )
})

test('key order does not matter and what has no single spelling is refused', () => {
  assert.equal(canonicalJson({ b: 1, a: [true, null, '中'], c: undefined }), '{"a":[true,null,"中"],"b":1}')
  assert.equal(canonicalJson({ b: 1, a: 2 }), canonicalJson({ a: 2, b: 1 }))
  for (const bad of [1.5, 2 ** 53, Number.NaN, '\ud800', 'a\0b', 1n, new Date(), undefined, { x: new Map() }]) {
    assert.throws(() => canonicalJson(bad), CanonicalError)
  }
})

test('a receipt is verified against pinned keys alone, in one spelling alone', () => {
  const entry = canonicalJson({ type: 'billing.bill_paid', body: { amount_fen: 104_620 } })
  const checkpoint = signCheckpoint({ origin: 'town.example/trail', size: 1, root: leafHash(entry) }, ours)
  const bundle = { format: RECEIPT_FORMAT, entry, index: 0, path: [], checkpoint } as const
  const text = receiptText(bundle)
  assert.deepEqual(parseReceipt(text), bundle)
  assert.equal(parseReceipt(` ${text}`), undefined)
  assert.equal(parseReceipt(JSON.stringify({ ...bundle, keys: [theirs.vkey] })), undefined)
  assert.equal(verifyBundle(bundle, [ours.vkey]).ok, true)
  assert.equal(verifyBundle(bundle, [theirs.vkey]).ok, false)
  assert.equal(verifyBundle({ ...bundle, entry: entry.replace('104620', '104621') }, [ours.vkey]).ok, false)
  assert.equal(verifyBundle({ ...bundle, index: 1 }, [ours.vkey]).ok, false)
  assert.throws(() => verifyBundle(bundle, ['nonsense']), TypeError)
  const line = (signer: typeof ours) => signNote(`${checkpoint.split('\n\n')[0]!}\n`, signer).split('\n\n')[1]!
  for (const added of [line(theirs), line(ours)])
    assert.equal(verifyBundle({ ...bundle, checkpoint: checkpoint + added }, [ours.vkey]).ok, false)
  const both = { ...bundle, checkpoint: checkpoint + line(theirs) }
  assert.equal(verifyBundle(both, [ours.vkey, theirs.vkey]).ok, true)
})
