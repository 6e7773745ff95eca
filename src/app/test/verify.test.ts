import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import PDFDocument from 'pdfkit'
import {
  canonicalJson,
  inclusionPath,
  leafHash,
  type NodeId,
  type NoteSigner,
  nodeHash,
  noteSigner,
  parseReceipt,
  RECEIPT_BYTES_MAX,
  RECEIPT_FORMAT,
  type ReceiptBundle,
  receiptText,
  rootFrom,
  signCheckpoint,
} from '#engines/hashtree/index.ts'
import { embedReceipt, extractReceipt, judge, verifyFile } from '../verify.ts'

const signerOf = (): NoteSigner => noteSigner('town.example/trail', generateKeyPairSync('ed25519').privateKey)
const ours = signerOf()
const thief = signerOf()
const SIZE = 1_000
const INDEX = 613

const entry = canonicalJson({
  actor: { id: '0198f3a2-7c1e-7b43-9a51-6f0d2f3c4b5a', kind: 'resident' },
  at: '2026-03-05T02:14:09.123Z',
  body: { amount_fen: 104_620, biller: '市自来水公司', payer: leafHash('张').toString('base64'), period: '2026-02' },
  id: '0198f3a2-7c1e-7b43-9a51-6f0d2f3c4b5b',
  request: '0198f3a2-7c1e-7b43-9a51-6f0d2f3c4b5c',
  subject: { id: '0198f3a2-7c1e-7b43-9a51-6f0d2f3c4b5d', kind: 'order' },
  tenant: 3,
  type: 'payments.order_paid',
  version: 1,
})

const leaves = Array.from({ length: SIZE }, (_, i) => leafHash(i === INDEX ? entry : `entry ${i}`))
const read = ({ level, index }: NodeId): Buffer =>
  level === 0 ? leaves[index]! : nodeHash(read({ level: level - 1, index: 2 * index }), read({ level: level - 1, index: 2 * index + 1 }))
const root = rootFrom(SIZE, read)
const path = inclusionPath(INDEX, SIZE, read).map(hash => hash.toString('base64'))

const receiptBy = (signer: NoteSigner): ReceiptBundle => ({
  format: RECEIPT_FORMAT,
  entry,
  index: INDEX,
  path,
  checkpoint: signCheckpoint({ origin: 'town.example/trail/3', size: SIZE, root }, signer),
})
const json = Buffer.from(receiptText(receiptBy(ours)))

async function pdfOf(text: string): Promise<Buffer> {
  const document = new PDFDocument({ size: 'A5' })
  const parts: Buffer[] = []
  document.on('data', part => parts.push(part))
  const done = new Promise(resolve => document.on('end', resolve))
  document.text(text).end()
  await done
  return Buffer.concat(parts)
}
const plainPdf = await pdfOf('Receipt 1,046.20')
const pdf = embedReceipt(plainPdf, receiptBy(ours))

const folder = mkdtempSync(join(tmpdir(), 'yimen-verify-'))
after(() => rmSync(folder, { recursive: true, force: true }))
function file(name: string, content: string | Buffer): string {
  const at = join(folder, name)
  writeFileSync(at, content)
  return at
}
const keysFile = file('keys.txt', `# pinned\n\n${ours.vkey}\n`)

function verify(at: string, keys = keysFile): { code: number; said: string } {
  const lines: string[] = []
  const code = verifyFile(at, { keysFile: keys }, line => lines.push(line))
  return { code, said: lines.join('\n') }
}

test('a genuine receipt is valid as of its checkpoint, as JSON and in a PDF, and fits two kilobytes', () => {
  assert.ok(json.length <= RECEIPT_BYTES_MAX, `${json.length} bytes`)
  for (const [name, content] of [
    ['r.json', json],
    ['r.pdf', pdf],
  ] as const) {
    const { code, said } = verify(file(name, content))
    assert.equal(code, 0, said)
    assert.match(said, /^valid: true as of checkpoint 1000 of town\.example\/trail\/3, entry 613/)
    assert.match(said, /^ {2}amount: 1,046\.20 yuan$/m)
    assert.ok(!said.includes('amount_fen'))
  }
  assert.deepEqual(extractReceipt(pdf), receiptBy(ours))
})

test('any byte changed makes a receipt invalid', () => {
  for (const genuine of [json, pdf]) {
    assert.equal(judge(genuine, [ours.vkey]).valid, true)
    fc.assert(
      fc.property(fc.nat(genuine.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bent = Buffer.from(genuine)
        bent[at]! ^= change
        assert.equal(judge(bent, [ours.vkey]).valid, false)
      }),
      { numRuns: 3_000 },
    )
  }
})

test('every single bit of the JSON receipt counts', () => {
  for (let bit = 0; bit < json.length * 8; bit++) {
    const bent = Buffer.from(json)
    bent[bit >> 3]! ^= 1 << (bit & 7)
    assert.equal(judge(bent, [ours.vkey]).valid, false, `bit ${bit}`)
  }
})

test('bytes added, removed or repeated make a receipt invalid', () => {
  for (const genuine of [json, pdf]) {
    for (const bent of [
      genuine.subarray(0, -1),
      Buffer.concat([genuine, Buffer.from('\n')]),
      Buffer.concat([genuine, genuine]),
      genuine.subarray(1),
    ]) {
      assert.equal(judge(bent, [ours.vkey]).valid, false)
    }
  }
})

test('a receipt signed again by another key is invalid, even when it brings that key along', () => {
  const forged = receiptText(receiptBy(thief))
  assert.deepEqual(verify(file('forged.json', forged)), { code: 1, said: 'invalid: not signed by a pinned key' })
  const withKey = receiptText({ ...receiptBy(thief), keys: [thief.vkey] } as ReceiptBundle)
  assert.equal(verify(file('with-key.json', withKey)).code, 1)
  assert.equal(verify(file('forged.pdf', embedReceipt(plainPdf, receiptBy(thief)))).code, 1)
  assert.equal(verify(file('forged.json', forged), file('thief.txt', thief.vkey)).code, 0)
})

test('an altered amount is refused although path and checkpoint are genuine', () => {
  const bundle = parseReceipt(json.toString())!
  const altered = receiptText({ ...bundle, entry: bundle.entry.replace('104620', '204620') })
  assert.match(verify(file('altered.json', altered)).said, /^invalid: the entry is not number 613/)
})

test('a checkpoint by itself is verified too', () => {
  const note = receiptBy(ours).checkpoint
  assert.deepEqual(verify(file('checkpoint', note)), { code: 0, said: 'valid: checkpoint 1000 of town.example/trail/3' })
  assert.equal(verify(file('checkpoint', note.replace('1000', '1001'))).code, 1)
})

test('wrong use is told apart from an invalid receipt', () => {
  assert.equal(verify(join(folder, 'absent.json')).code, 2)
  assert.equal(verify(file('r.json', json), join(folder, 'absent.txt')).code, 2)
  assert.equal(verify(file('r.json', json), file('empty.txt', '# none\n')).code, 2)
  assert.equal(verify(file('r.json', json), file('bad.txt', `${ours.vkey}\nnonsense\n`)).code, 2)
  assert.equal(verify(file('noise', Buffer.from([0xff, 0xfe, 0]))).code, 1)
})

test('what never was a receipt is told so in the language of its reader', () => {
  const strangers = [
    '# Read me\n\nWords.\n',
    '— a line\n\n— another line of words\n',
    '{"name":"yimen"}\n',
    '',
    Buffer.from([0xff, 0xfe, 0]),
  ]
  for (const content of strangers) {
    const at = file('stranger', content)
    assert.deepEqual(verify(at), { code: 1, said: 'invalid: this is not a receipt file, nor a checkpoint' })
    const lines: string[] = []
    assert.equal(
      verifyFile(at, { keysFile, lang: 'zh-CN' }, line => lines.push(line)),
      1,
    )
    assert.deepEqual(lines, ['无效：这不是收据文件，也不是检查点'])
  }
})

test('only a finished PDF without receipt takes one', () => {
  assert.throws(() => embedReceipt(Buffer.from('hello'), receiptBy(ours)), TypeError)
  assert.throws(() => embedReceipt(pdf, receiptBy(ours)), TypeError)
  assert.equal(extractReceipt(plainPdf), undefined)
})

test('a receipt is told in the language of its reader, in yuan; the raw form is as it was', () => {
  const issued = canonicalJson({
    body: {
      account_last4: '3141',
      amount_fen: 13_195,
      bill_no: 'W1',
      biller: 'water',
      channel: 'wechat',
      order: 'o1',
      paid_at: '2026-03-05T02:14:09.123Z',
      period: '2026-01/2026-02',
      receipt_no: 'YM-20260305-000001',
      txn: 't1',
    },
    id: 'i',
    type: 'billing.receipt_issued',
  })
  const leaf = leafHash(issued)
  const bundle = {
    format: RECEIPT_FORMAT,
    entry: issued,
    index: 0,
    path: [],
    checkpoint: signCheckpoint({ origin: 'town.example/trail/3', size: 1, root: leaf }, ours),
  } as const
  const at = file('issued.json', receiptText(bundle))
  const say = (more: { lang?: 'zh-CN' | 'en'; json?: boolean }): string => {
    const lines: string[] = []
    assert.equal(
      verifyFile(at, { keysFile, ...more }, line => lines.push(line)),
      0,
    )
    return lines.join('\n')
  }
  const [zh, en] = [say({ lang: 'zh-CN' }), say({ lang: 'en' })]
  assert.match(zh, /^有效：town\.example\/trail\/3 第 0 条/)
  assert.match(zh, /^ {2}金额：131\.95 元$/m)
  assert.match(zh, /^ {2}缴费时间（北京时间）：2026-03-05 10:14:09$/m)
  assert.match(zh, /^ {2}付款方式：微信支付$/m)
  assert.match(zh, /^ {2}收费单位（town\.example\/trail\/3 所用的代号）：water$/m)
  assert.match(en, /^ {2}Amount: 131\.95 yuan$/m)
  assert.match(en, /^ {2}Biller \(its id at town\.example\/trail\/3\): water$/m)
  assert.match(en, /^ {2}Paid by: WeChat Pay$/m)
  for (const said of [zh, en]) assert.ok(!/amount_fen|13195/.test(said), said)
  assert.doesNotMatch(en, /[\u4e00-\u9fff]/)
  assert.equal(JSON.parse(say({ json: true, lang: 'zh-CN' })).entry.body.amount_fen, 13_195)

  const forged = file('forged-zh.json', receiptText(receiptBy(thief)))
  const lines: string[] = []
  verifyFile(forged, { keysFile, lang: 'zh-CN' }, line => lines.push(line))
  assert.deepEqual(lines, ['无效：不是由您信任的密钥签的'])
})
