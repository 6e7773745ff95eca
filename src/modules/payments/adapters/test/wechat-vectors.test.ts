import assert from 'node:assert/strict'
import { createPublicKey, createSecretKey, generateKeyPairSync, verify, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { StatementRefused } from '../../ports.ts'
import { authorize, findSignatureFault, openSealed, requestMessage } from '../wechat/crypto.ts'
import { readNotification } from '../wechat/notification.ts'
import { lineOf, parseWechatStatement, renderWechatStatement, type WechatRow } from '../wechat/statement.ts'

// Published vectors of the channel's own libraries; their folder is named from outside and never part of the code.
const dir = process.env.YIMEN_REAL_DATA && join(process.env.YIMEN_REAL_DATA, 'wechat')
const skip = dir && existsSync(dir) ? false : 'YIMEN_REAL_DATA is not set'
const text = (name: string) => readFileSync(join(dir!, name), 'utf8')
const json = (name: string) => JSON.parse(text(name))
const read = (name: string) => {
  const rows: WechatRow[] = []
  const reader = parseWechatStatement(text(name))
  for (;;) {
    const next = reader.next()
    if (next.done) return { rows, ...next.value }
    rows.push(next.value)
  }
}

test('published AEAD vectors open, altered ones do not', { skip }, () => {
  const vector = json('aead-aes-256-gcm.json')
  const key = createSecretKey(vector.apiv3_key, 'utf8')
  const open = (sealed: { ciphertext: string; nonce: string; associated_data: string }) =>
    openSealed(key, { ciphertext: sealed.ciphertext, nonce: sealed.nonce, associatedData: sealed.associated_data })?.toString()
  for (const sealed of vector.cases) assert.equal(open(sealed), sealed.plaintext)
  for (const sealed of vector.must_fail) assert.equal(open(sealed), undefined)
  const certificate = vector.download_certificate_response.data[0]
  const pem = open(certificate.encrypt_certificate)!
  assert.equal(new X509Certificate(pem).serialNumber, vector.download_certificate_serial)
})

test('the signed text of a request equals the published one', { skip }, () => {
  const vector = json('authorization-canonical.json')
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const credential = { mchid: vector.mchid, merchantSerial: vector.serial_no, privateKey }
  for (const { method, url, body, message } of vector.cases) {
    assert.equal(requestMessage(method, url, String(vector.timestamp), vector.nonce_str, body), message)
    const header = authorize(credential, method, url, body, new Date(vector.timestamp * 1000), vector.nonce_str)
    const layout = /^WECHATPAY2-SHA256-RSA2048 mchid="(\d+)",nonce_str="(\w+)",timestamp="(\d+)",serial_no="(\w+)",signature="([^"]+)"$/
    const [, mchid, nonce, timestamp, serial, signature] = layout.exec(header)!
    assert.deepEqual([mchid, nonce, timestamp, serial], [vector.mchid, vector.nonce_str, String(vector.timestamp), vector.serial_no])
    assert.ok(verify('RSA-SHA256', Buffer.from(message), publicKey, Buffer.from(signature!, 'base64')))
  }
})

test('a published notification verifies, opens, and is refused once stale', { skip }, () => {
  const vector = json('notify-payscore.json')
  const headers = Object.fromEntries(Object.entries<string>(vector.headers).map(([name, value]) => [name.toLowerCase(), value]))
  const raw = Buffer.from(vector.body)
  const serial = headers['wechatpay-serial']!
  const platform = new Map([[serial, createPublicKey(vector.platform_certificate)]])
  const signed = {
    timestamp: headers['wechatpay-timestamp'],
    nonce: headers['wechatpay-nonce'],
    serial,
    signature: headers['wechatpay-signature'],
  }
  const at = (s: number) => new Date((Number(signed.timestamp) + s) * 1000)
  assert.equal(findSignatureFault(platform, signed, raw, at(300)), undefined)
  assert.equal(findSignatureFault(platform, signed, raw, at(301)), 'timestamp_stale')
  assert.equal(findSignatureFault(platform, signed, raw, at(-301)), 'timestamp_stale')
  const { resource } = JSON.parse(vector.body)
  const apiV3Key = createSecretKey(vector.apiv3_key, 'utf8')
  const plain = openSealed(apiV3Key, { ciphertext: resource.ciphertext, nonce: resource.nonce, associatedData: resource.associated_data })
  assert.equal(plain?.toString(), vector.expected_plaintext)
  const { mchid, appid } = JSON.parse(vector.expected_plaintext)
  const outcome = readNotification({ mchid, appid }, { apiV3Key, platform }, raw, headers, at(0))
  assert.equal(outcome.kind === 'refused' && outcome.code, 'event_unknown')
})

test('a real ALL bill of 45 rows adds up to its own footer', { skip }, () => {
  const { rows, layout, totals } = read('bill.ALL.csv')
  assert.equal(layout, 'all')
  assert.equal(rows.length, 45)
  assert.deepEqual(
    { settlementFen: totals.settlementFen, refundFen: totals.refundFen, feeE5: totals.feeE5, orderFen: totals.orderFen },
    { settlementFen: 47, refundFen: 14, feeE5: 8_000, orderFen: 47 },
  )
  const [refund] = rows
  assert.deepEqual(lineOf('all', refund!), {
    kind: 'refund',
    channelTxnNo: '4200000263201902167700134212',
    outTradeNo: 'autotest_20190216081946_82335',
    channelRefundNo: '50000709672019011908420787722',
    outRefundNo: 'REF4200000263201902167700963919',
    amountFen: 1,
    ...{ feeE5: 0, discountFen: 0 },
    at: new Date('2019-02-19T05:01:46+08:00'),
    state: 'SUCCESS',
  })
  assert.equal(lineOf('all', rows[2]!).channelRefundNo, '')
  assert.throws(() => [...parseWechatStatement(text('bill.ALL.csv'), '2019-02-18')], { code: 'day' })
  const again = [...parseWechatStatement(renderWechatStatement('all', rows), '2019-02-19')]
  assert.deepEqual(again, rows)
})

test('a real legacy bill with full-width colons is read', { skip }, () => {
  const { rows, layout } = read('bill-all-legacy-24col.csv')
  assert.equal(layout, 'legacy')
  assert.deepEqual(
    rows.map(row => lineOf(layout, row).amountFen),
    [1, 1],
  )
  assert.equal(rows[0]!.tradedAt.toISOString(), '2014-11-10T08:33:45.000Z')
})

test('published excerpts of the 20 and 29 column bills parse by row but are refused by their count', { skip }, () => {
  for (const [name, state] of [
    ['bill-success-20col.csv', 'SUCCESS'],
    ['bill-refund-29col.csv', 'REFUND'],
  ] as const) {
    const seen: WechatRow[] = []
    assert.throws(
      () => {
        for (const row of parseWechatStatement(text(name))) seen.push(row)
      },
      (error: unknown) => error instanceof StatementRefused && error.code === 'count',
    )
    assert.deepEqual(
      seen.map(row => row.tradeState),
      [state],
    )
  }
})
