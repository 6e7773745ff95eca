import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { billerFileSchema, billerOf } from '../../../app/biller-file.ts'
import { billers as contents } from '../../../app/seed/content.ts'
import { knownBiller } from '../photo/billers.ts'
import { readFields } from '../photo/fields.ts'
import type { ReadLine } from '../photo/lines.ts'

const billers = contents.map(b => knownBiller(billerOf(billerFileSchema.parse(b))))

/** Lines as they stand on the page, one row each; parts of a row are apart from each other. */
const page = (rows: readonly (string | readonly string[])[], certainty = 0.99): ReadLine[] =>
  rows.flatMap((row, y) =>
    (typeof row === 'string' ? [row] : row).map((text, x) => ({
      text,
      others: ' '.repeat(text.length),
      chars: Array.from(text, () => certainty),
      x: 200 + x * 500,
      y: 50 + y * 40,
      width: text.length * 14,
      height: 28,
      slope: 0,
    })),
  )

const WATER = (accountNo: string) => [
  '梧桐里自来水公司（示例）',
  '水费账单',
  [`用户编号：${accountNo}`, '账单编号：W26051558852'],
  ['水表编号：4909627616', '账期：2026年3–4月'],
  ['上期读数', '1383'],
  ['一阶水费', '47.30'],
  ['上次结余', '0.18'],
  '应缴金额：￥72.60',
  '开户行账号6222365311706693 服务热线：0000 1809 0891',
]

test('a bill that is read clearly is read whole, and all of it is sure', () => {
  const read = readFields(page(WATER('1045333141')), billers)
  const values = Object.fromEntries(Object.entries(read).map(([name, field]) => [name, field.value]))
  assert.deepEqual(values, {
    biller: 'water',
    accountNo: '1045333141',
    billNo: 'W26051558852',
    amountFen: 7260,
    period: { from: '2026-03', to: '2026-04' },
  })
  assert.deepEqual(
    Object.values(read).map(field => field.isSure),
    [true, true, true, true, true],
  )
})

describe('a misread account number', () => {
  for (const content of contents)
    test(`of ${content.id} with one wrong character is never believed`, () => {
      const { example } = content.account
      fc.assert(
        fc.property(fc.nat(example.length - 1), fc.constantFrom(...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'), (at, char) => {
          fc.pre(char !== example[at])
          const wrong = example.slice(0, at) + char + example.slice(at + 1)
          const { accountNo } = readFields(page([content.zh, content.service_zh, `户号：${wrong}`, ['应缴金额', '72.60']]), billers)
          assert.ok(!accountNo?.isSure || accountNo.value === example, JSON.stringify(accountNo))
        }),
      )
    })

  test('is mended where a letter can only be a digit, and said to be unsure', () => {
    const { accountNo } = readFields(page(WATER('1O45333I41')), billers)
    assert.deepEqual([accountNo?.value, accountNo?.isSure], ['1045333141', false])
  })

  test('is unsure when its print is faint, however well its check digit fits', () => {
    assert.equal(readFields(page(WATER('1045333141'), 0.7), billers).accountNo?.isSure, false)
  })

  test('is unsure beside another that fits as well', () => {
    const rows = [...WATER('1045333141'), '用户编号：1078932884']
    assert.equal(readFields(page(rows), billers).accountNo?.isSure, false)
  })

  test('is not looked for in longer numbers, nor under the words of others', () => {
    const rows = ['梧桐里自来水公司（示例）', '水费', '水表编号：1045333141', '开户行账号 99104533314155']
    assert.equal(readFields(page(rows), billers).accountNo, undefined)
  })
})

test('the name decides between billers whose names are alike, even with some characters lost', () => {
  const of = (name: string) => readFields(page([name, '缴费通知']), billers).biller
  assert.equal(of('梧桐里热皮公司')?.value, 'heating')
  assert.equal(of('梧桐里燃汽公司')?.value, 'gas')
  assert.equal(of('Wutongli Power')?.value, 'power')
  assert.equal(of('青山镇公司'), undefined)
})

test('a page of something else is no bill', () => {
  const read = readFields(page(['红烧肉 38.00', '米饭 2.00', '合计 40.00', '电话 0000 8866 1200']), billers)
  assert.deepEqual([read.biller, read.accountNo], [undefined, undefined])
})

describe('the amount', () => {
  const amount = (...rows: (string | string[])[]) => readFields(page(['梧桐里供电公司', '电费', ...rows]), billers).amountFen
  test('is the one that is asked, not the largest', () => {
    assert.equal(amount(['上次结余', '900.00'], ['本期应缴', '104.91'], '封顶600.00元')?.value, 10_491)
  })
  test('is found under its words as well as beside them', () => {
    assert.equal(amount('应缴金额(元)', '1,456.56')?.value, 145_656)
  })
  test('is unsure where two of the same weight differ', () => {
    assert.equal(amount(['应缴金额', '10.00'], ['应缴金额', '70.00'])?.isSure, false)
  })
  test('is not taken from a price or a part', () => {
    assert.equal(amount('单价 0.58 元', ['优惠', '5.00']), undefined)
  })
})

describe('the period', () => {
  const period = (biller: string, ...rows: (string | string[])[]) => readFields(page([biller, ...rows]), billers).period?.value
  for (const [printed, from, to] of [
    ['2026年9-10月', '2026-09', '2026-10'],
    ['2025年11月至2026年1月', '2025-11', '2026-01'],
    ['账期：202607-202608', '2026-07', '2026-08'],
    ['电费年月 202601', '2026-01', '2026-01'],
  ] as const)
    test(printed, () => assert.deepEqual(period('梧桐里供电公司', printed), { from, to }))
  test('of a season ends in its second year', () => {
    assert.deepEqual(period('梧桐里热力公司', '2025-2026采暖季计费面积61.20'), { from: '2025-11', to: '2026-03' })
  })
  test('is taken from a first and a last day', () => {
    assert.deepEqual(period('梧桐里物业服务公司', ['费用起', '2026-01-01'], ['费用止', '2026-03-31']), { from: '2026-01', to: '2026-03' })
  })
  test('is not the day something is due', () => {
    assert.equal(period('梧桐里物业服务公司', '应缴日期 2026-04-30'), undefined)
  })
})

test('whatever is on a page, reading it ends, and quickly', () => {
  const line = fc.record({
    text: fc.string({ maxLength: 120, unit: fc.constantFrom(...'0123456789OISZB年月-.,号应缴金额账 H') }),
    others: fc.string({ maxLength: 120, unit: fc.constantFrom(...'0123456789 ') }),
    chars: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 120 }),
    x: fc.double({ min: 0, max: 2_000, noNaN: true }),
    y: fc.double({ min: 0, max: 2_000, noNaN: true }),
    width: fc.double({ min: 1, max: 2_000, noNaN: true }),
    height: fc.double({ min: 1, max: 100, noNaN: true }),
    slope: fc.double({ min: -1, max: 1, noNaN: true }),
  })
  fc.assert(
    fc.property(fc.array(line, { maxLength: 60 }), lines => {
      const began = performance.now()
      readFields(lines, billers)
      assert.ok(performance.now() - began < 500)
    }),
  )
})
