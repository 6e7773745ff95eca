import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import iconv from 'iconv-lite'
import { StatementRefused } from '../../ports.ts'
import { pack, unpack } from '../alipay/archive.ts'
import {
  type AlipayRow,
  lineOf as alipayLine,
  parseAlipayStatement,
  readAlipayStatement,
  renderAlipayArchive,
  renderAlipayStatement,
} from '../alipay/statement.ts'
import { parseDecimal, parseLocalTime, renderDecimal, renderLocalTime } from '../decimal.ts'
import { decodeChunks } from '../lines.ts'
import { LAYOUTS, type Layout, type WechatRow } from '../wechat/layouts.ts'
import { lineOf, parseWechatStatement, readWechatStatement, renderWechatStatement } from '../wechat/statement.ts'

const second = fc.integer({ min: 1_400_000_000, max: 1_900_000_000 }).map(s => new Date(s * 1000))
const fen = fc.integer({ min: 0, max: 10 ** 11 })
const signedFen = fc.integer({ min: -(10 ** 11), max: 10 ** 11 })
const word = fc.string({ unit: fc.constantFrom(...'abcXYZ019 -_%,，元物业费𠮷'), maxLength: 12 })
const goods = word.filter(text => !text.includes(',`'))
const code = fc.string({ unit: fc.constantFrom(...'0123456789ABCDEF'), minLength: 4, maxLength: 28 })

const wechatRow: fc.Arbitrary<WechatRow> = fc.record(
  {
    tradedAt: second,
    appid: word,
    mchid: code,
    subMchid: word,
    device: word,
    transactionId: code,
    outTradeNo: code,
    openid: word,
    tradeType: fc.constantFrom('JSAPI', 'MWEB', 'NATIVE'),
    tradeState: fc.constantFrom('SUCCESS', 'REFUND'),
    bank: word,
    currency: fc.constant('CNY'),
    settlementFen: fen,
    couponFen: fen,
    refundRequestedAt: fc.option(second, { nil: undefined }),
    refundedAt: fc.option(second, { nil: undefined }),
    refundId: fc.oneof(
      fc.constant(''),
      code.filter(text => text !== '0'),
    ),
    outRefundNo: fc.oneof(
      fc.constant(''),
      code.filter(text => text !== '0'),
    ),
    refundFen: fen,
    refundCouponFen: fen,
    refundType: word,
    refundState: word,
    goods,
    attach: word,
    feeE5: signedFen,
    rate: fc.constant('0.60%'),
    orderFen: fen,
    refundAppliedFen: fen,
    rateNote: word,
  },
  { noNullPrototype: true },
)

/** Keeps only what a layout can say. */
function withinLayout(layout: Layout, row: WechatRow): WechatRow {
  const fields = new Set(LAYOUTS[layout].map(column => column.field))
  const entries = Object.entries(row).map(([name, value]) => {
    if (fields.has(name as keyof WechatRow)) return [name, value]
    return [name, typeof value === 'number' ? 0 : typeof value === 'string' ? '' : undefined]
  })
  return Object.fromEntries(entries) as WechatRow
}
const layouts: Layout[] = ['all', 'success', 'refund', 'legacy']

for (const layout of layouts) {
  test(`wechat ${layout}: what is written is read back equal, however it is cut into pieces`, () => {
    fc.assert(
      fc.property(fc.array(wechatRow, { maxLength: 8 }), fc.integer({ min: 1, max: 97 }), (raw, size) => {
        const rows = raw.map(row => withinLayout(layout, row))
        const text = renderWechatStatement(layout, rows)
        assert.ok(text.startsWith('\ufeff') && text.endsWith('\r\n'))
        const pieces = text.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? []
        assert.deepEqual([...parseWechatStatement(pieces)], rows)
        assert.deepEqual([...parseWechatStatement(text.slice(1).replaceAll('\r\n', '\n'))], rows, 'without mark and with plain line ends')
      }),
      { numRuns: 60 },
    )
  })

  test(`wechat ${layout}: a file cut anywhere is refused or complete`, () => {
    fc.assert(
      fc.property(fc.array(wechatRow, { minLength: 1, maxLength: 5 }), fc.double({ min: 0, max: 1, noNaN: true }), (raw, part) => {
        const rows = raw.map(row => withinLayout(layout, row))
        const text = renderWechatStatement(layout, rows)
        assertWhole(() => [...parseWechatStatement(text.slice(0, Math.floor(part * text.length)))], rows)
      }),
      { numRuns: 150 },
    )
  })
}

function assertWhole<T>(read: () => T[], rows: T[]): void {
  let found: T[]
  try {
    found = read()
  } catch (error) {
    assert.ok(error instanceof StatementRefused, String(error))
    return
  }
  assert.deepEqual(found, rows)
}

const sample = (change: Partial<WechatRow> = {}): WechatRow => ({
  ...fc.sample(wechatRow, { numRuns: 1, seed: 5 })[0]!,
  tradedAt: new Date('2026-06-01T10:00:00+08:00'),
  tradeState: 'SUCCESS',
  orderFen: 104_620,
  refundAppliedFen: 0,
  feeE5: 627_720,
  ...change,
})

test('wechat: a missing, doubled or altered row is found by the footer', () => {
  const rows = [sample({ orderFen: 100 }), sample({ orderFen: 200 }), sample({ orderFen: 300 })]
  const lines = renderWechatStatement('all', rows).split('\r\n')
  const codeOf = (changed: string[]) => {
    try {
      return [...parseWechatStatement(changed.join('\r\n'))].length
    } catch (error) {
      return (error as StatementRefused).code
    }
  }
  assert.equal(codeOf(lines), 3)
  assert.equal(codeOf(lines.toSpliced(2, 1)), 'count')
  assert.equal(codeOf(lines.toSpliced(2, 0, lines[2]!)), 'count')
  assert.equal(codeOf(lines.with(2, lines[2]!.replace('`2.00', '`2.01'))), 'sum')
  assert.equal(codeOf(lines.with(2, `${lines[2]},\`x`)), 'columns')
  assert.equal(codeOf(lines.with(2, lines[2]!.replace('2026-06-01', '2026-02-30'))), 'cell')
  assert.equal(codeOf(lines.with(0, lines[0]!.replace('手续费', '费用'))), 'header')
  assert.equal(codeOf([...lines, lines[1]!]), 'after_footer')
  assert.throws(() => [...parseWechatStatement(lines.join('\r\n'), '2026-06-02')], { code: 'day' })
  assert.equal(codeOf([]), 'header')
})

test('wechat: counts printed as floats, fee totals printed short, and negative fees are read', () => {
  const rows = [sample({ feeE5: 600 }), sample({ tradeState: 'REFUND', feeE5: -6 })]
  const text = renderWechatStatement('all', rows)
  assert.match(text, /\r\n`2\.0,/)
  assert.match(text, /`0\.00594,/)
  assert.equal([...parseWechatStatement(text.replace('`0.00594,', '`0.01,'))].length, 2, 'two decimals: equal within one fen')
  assert.throws(() => [...parseWechatStatement(text.replace('`0.00594,', '`0.02,'))], { code: 'sum' })
  assert.throws(() => [...parseWechatStatement(text.replace('`0.00594,', '`0.00595,'))], { code: 'sum' }, 'five decimals: exact')
  assert.equal(lineOf('all', rows[1]!).feeE5, -6)
})

test('wechat: malformed UTF-8 refuses the file', async () => {
  const raw = Buffer.from(renderWechatStatement('all', [sample({ goods: '水费' })]))
  raw[raw.indexOf(Buffer.from('水费')) + 1] = 0x20
  await assert.rejects(
    async () => {
      for await (const _ of readWechatStatement([raw]));
    },
    { code: 'encoding' },
  )
})

const alipayRow: fc.Arbitrary<AlipayRow> = fc.record(
  {
    tradeNo: code,
    outTradeNo: code,
    kind: fc.constantFrom('交易', '退款'),
    goods: word.map(text => text.trim()),
    createdAt: second,
    finishedAt: second,
    shopNo: fc.constant(''),
    shopName: word.map(text => text.trim()),
    operator: fc.constant(''),
    terminal: fc.constant(''),
    buyer: fc.constant('*民(138****0000)'),
    orderFen: signedFen,
    receivedFen: signedFen,
    redPacketFen: signedFen,
    pointsFen: signedFen,
    discountFen: signedFen,
    merchantDiscountFen: signedFen,
    couponFen: signedFen,
    couponName: fc.constant(''),
    merchantRedPacketFen: signedFen,
    cardFen: signedFen,
    refundNo: code,
    serviceFeeFen: signedFen,
    shareFen: signedFen,
    note: word.map(text => text.trim()),
  },
  { noNullPrototype: true },
)
const head = { account: '2088000000000001', day: '2026-06-01', exportedAt: new Date('2026-06-02T09:30:00+08:00') }

test('alipay: what is written is read back equal, through GB18030 and piece by piece', () => {
  fc.assert(
    fc.property(fc.array(alipayRow, { maxLength: 8 }), rows => {
      const bytes = iconv.encode(renderAlipayStatement(head, rows), 'gb18030')
      assert.deepEqual([...parseAlipayStatement(decodeChunks([bytes], 'gb18030'))], rows)
    }),
    { numRuns: 80 },
  )
})

test('alipay: a file cut anywhere is refused or complete', () => {
  fc.assert(
    fc.property(fc.array(alipayRow, { minLength: 1, maxLength: 5 }), fc.double({ min: 0, max: 1, noNaN: true }), (rows, part) => {
      const text = renderAlipayStatement(head, rows)
      assertWhole(() => [...parseAlipayStatement(text.slice(0, Math.floor(part * text.length)))], rows)
    }),
    { numRuns: 200 },
  )
})

const alipaySample = (change: Partial<AlipayRow> = {}): AlipayRow => ({
  ...fc.sample(alipayRow, { numRuns: 1, seed: 5 })[0]!,
  kind: '交易',
  finishedAt: new Date('2026-06-01T10:00:00+08:00'),
  ...change,
})

test('alipay: the zip with GBK names and the summary first gives the lines of the day', async () => {
  const rows = [
    alipaySample({ orderFen: 8_805, serviceFeeFen: -53 }),
    alipaySample({ kind: '退款', orderFen: -8_805, serviceFeeFen: 53, refundNo: 'R1' }),
  ]
  const zip = renderAlipayArchive(head, rows)
  assert.deepEqual(
    (await unpack(zip)).map(file => file.name),
    ['20880000000000010156_20260601_业务明细(汇总).csv', '20880000000000010156_20260601_业务明细.csv'],
  )
  assert.equal(zip.readUInt16LE(6) & 0x0800, 0, 'names carry no UTF-8 flag')
  const lines = []
  for await (const line of readAlipayStatement([zip], '2026-06-01')) lines.push(line)
  assert.deepEqual(lines, rows.map(alipayLine))
  assert.deepEqual(
    lines.map(line => [line.kind, line.amountFen, line.feeE5, line.channelRefundNo]),
    [
      ['pay', 8_805, 53_000, ''],
      ['refund', 8_805, -53_000, 'R1'],
    ],
  )
  const otherDay = readAlipayStatement([zip], '2026-06-02')
  await assert.rejects(otherDay.next(), { code: 'day' })
})

test('alipay: counts and sums of the two total lines must hold', () => {
  const text = renderAlipayStatement(head, [alipaySample({ receivedFen: 100, merchantDiscountFen: 0 })])
  const codeOf = (changed: string) => {
    try {
      return [...parseAlipayStatement(changed)].length
    } catch (error) {
      return (error as StatementRefused).code
    }
  }
  assert.equal(codeOf(text), 1)
  assert.equal(codeOf(text.replace('交易合计：1笔', '交易合计：2笔')), 'count')
  assert.equal(codeOf(text.replace('商家实收共1.00元', '商家实收共1.01元')), 'sum')
  assert.equal(codeOf(text.replace('退款合计：0笔', '退款合计：1笔')), 'count')
  assert.equal(codeOf(text.replace('#起始日期', '#日期')), 'header')
})

test('archives that would leave their folder, lie about sizes, are cut or hold too much are refused', async () => {
  const refusal = (code: string) => (error: unknown) => error instanceof StatementRefused && error.code === code
  for (const name of ['../业务明细.csv', '/etc/passwd', 'a\\b.csv', 'C:x.csv', 'sub/业务明细.csv', '']) {
    await assert.rejects(
      unpack(pack([{ name, content: Buffer.from('x') }])),
      refusal(name === '' ? 'archive_name' : 'archive_name'),
      JSON.stringify(name),
    )
  }
  const bomb = pack([{ name: 'b.csv', content: Buffer.alloc(5_000_000) }])
  assert.ok(bomb.length < 20_000)
  await assert.rejects(unpack(bomb, 1_000_000), refusal('archive_too_large'))
  const small = deflateRawSync(Buffer.alloc(5_000_000)).length
  const lying = Buffer.from(bomb)
  const directory = lying.indexOf('PK\x01\x02', 0, 'latin1')
  lying.writeUInt32LE(10, directory + 24)
  await assert.rejects(unpack(lying, 1_000_000), refusal('archive_bad'), `${small} packed bytes claim to be 10`)
  await assert.rejects(
    unpack(pack(Array.from({ length: 11 }, (_, i) => ({ name: `${i}.csv`, content: Buffer.from('x') })))),
    refusal('archive_entries'),
  )
  const good = pack([{ name: 'a.csv', content: Buffer.from('some content that is long enough') }])
  await assert.rejects(unpack(good.subarray(0, good.length - 10)), refusal('archive_bad'))
  const flipped = Buffer.from(good)
  flipped.writeUInt32LE(1, flipped.indexOf('PK\x01\x02', 0, 'latin1') + 16)
  await assert.rejects(unpack(flipped), refusal('archive_bad'), 'checksum')
})

test('decimals and local times are exact both ways', () => {
  fc.assert(
    fc.property(
      signedFen,
      units => parseDecimal(renderDecimal(units, 2), 2) === units && parseDecimal(renderDecimal(units, 5), 5) === units,
    ),
  )
  fc.assert(fc.property(second, at => parseLocalTime(renderLocalTime(at))?.getTime() === at.getTime()))
  for (const text of ['', '-', '.', '1.', '1.2.3', '1,000.00', '1e3', '+1', '.5', '1.001', '٣', '--1', '12345678901234'])
    assert.equal(parseDecimal(text, 2), undefined, text)
  for (const text of [
    '2026-02-30 10:00:00',
    '2026-06-01 24:00:00',
    '2026-06-01 1:00:00',
    '2026-06-01T10:00:00',
    '2026-06-01 10:60:00',
    '2026-06-0a 10:00:00',
  ]) {
    assert.equal(parseLocalTime(text), undefined, text)
  }
  assert.deepEqual([parseDecimal('45.0', 0), parseDecimal('-0.00', 2), parseDecimal('0.00000', 2)], [45, 0, 0])
})
