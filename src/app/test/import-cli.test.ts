import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import iconv from 'iconv-lite'
import { systemCtx } from '#kernel/context.ts'
import { withTestDb } from '#kernel/db/testing.ts'
import { unwrap } from '#kernel/result.ts'
import { registerBiller } from '#modules/billing/index.ts'
import { billerFileSchema, billerOf } from '../biller-file.ts'
import { describeLayout, runImport } from '../import-cli.ts'

const EXAMPLES = new URL('../../../docs/examples/', import.meta.url)
const sample = readFileSync(new URL('parking-2026-11.csv', EXAMPLES), 'utf8')

interface Said {
  readonly code: number
  readonly printed: string
  readonly complained: string
}

/** A place with the biller of the documents, and the command on files of the given content. */
const withParking = (work: (importing: (content: string | Buffer, ...more: string[]) => Promise<Said>) => Promise<void>, what = 'bills') =>
  withTestDb(async kernel => {
    const folder = mkdtempSync(join(tmpdir(), 'yimen-import-cli-'))
    try {
      const biller = billerFileSchema.parse(JSON.parse(readFileSync(new URL('parking.json', EXAMPLES), 'utf8')))
      unwrap(await registerBiller(systemCtx(kernel, 1, 'test'), billerOf(biller)))
      await work(async (content, ...more) => {
        const file = join(folder, 'bills.csv')
        writeFileSync(file, content)
        let printed = ''
        let complained = ''
        const argv = [what, '--biller', 'parking', file, ...more]
        const code = await runImport(kernel, 1, argv, { print: text => (printed += text), complain: text => (complained += text) })
        return { code, printed, complained }
      })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

test('the worked example of the documents: tried, taken in, and the same again changes nothing', () =>
  withParking(async importing => {
    const tried = await importing(sample, '--dry-run')
    assert.deepEqual([tried.code, tried.complained], [0, ''])
    assert.match(tried.printed, /检查通过，未改动 .*4 行 rows, 540\.00 元 yuan, 4 张新账单 new/)
    const taken = await importing(sample)
    assert.match(taken.printed, /已导入 \/ imported: 4 行/)
    assert.match((await importing(sample)).printed, /此文件已导入过，没有任何改动 \/ imported before/)
  }))

test('past payments of the documents: tried, kept, and the same again changes nothing; faults are told by line', () =>
  withParking(async importing => {
    const paid = readFileSync(new URL('parking-paid-2026-10.csv', EXAMPLES), 'utf8')
    const tried = await importing(paid, '--dry-run')
    assert.deepEqual([tried.code, tried.complained], [0, ''])
    assert.match(tried.printed, /检查通过，未改动 .*4 行 rows, 455\.00 元 yuan, 3 笔新增 new, 0 笔已有 known, 1 笔已撤销.*3 个户号尚未登记/)
    assert.match((await importing(paid)).printed, /已导入 \/ imported: 4 行/)
    assert.match((await importing(paid)).printed, /此文件已导入过，没有任何改动/)
    const wrong = await importing(paid.replace('50010370', '50010371').replace('640.00', '641.00'))
    assert.equal(wrong.code, 1)
    assert.match(wrong.complained, /^bills.csv:2:3: 车位编号: 户号不符合规则.*\n.*1 处错误，整批未导入/)
  }, 'past'))

test('faults are listed by line, ten of a kind and the number of all', () =>
  withParking(async importing => {
    const [head, first, ...others] = sample.trimEnd().split('\n')
    const clash = Array.from({ length: 12 }, () => first!.replace('180.00,5.00,185.00', '80.00,5.00,85.00'))
    const { code, complained, printed } = await importing(`${[head, first, ...others, ...clash].join('\n')}\n`)
    assert.deepEqual([code, printed], [1, ''])
    const lines = complained.trim().split('\n')
    assert.equal(lines.length, 12)
    for (const [i, line] of lines.slice(0, 10).entries())
      assert.match(line, new RegExp(`^bills.csv:${6 + i}: 账单编号重复.* / bill number used before.*P2611000001`))
    assert.equal(lines[10], '… 另有 2 处 / 2 more')
    assert.match(lines[11]!, /12 处错误，整批未导入 \/ 12 faults, refused, nothing changed/)
  }))

test('every fault of a row is told, from left to right, in the unit of the file', () =>
  withParking(async importing => {
    const [head, first] = sample.trimEnd().split('\n')
    const { code, complained } = await importing(`${head}\n${first!.replace('185.00', '1186.00').replace('2026-12-15', '2026-13-15')}\n`)
    assert.equal(code, 1)
    const lines = complained.trim().split('\n')
    assert.match(lines[0]!, /^bills.csv:2:7: 应缴金额: .* \(found "1186\.00", expected 185\.00\)$/)
    assert.match(lines[1]!, /^bills.csv:2:8: 截止日: .* \(found "2026-13-15", expected yyyy-MM-dd\)$/)
    assert.match(lines[2]!, /2 处错误，整批未导入 \/ 2 faults, refused/)
    const one = await importing(`${head}\n${first!.replace('185.00', '186.00')}\n`)
    assert.match(one.complained, /1 处错误，整批未导入 \/ 1 fault, refused/)
  }))

test('a bill that repeats another under a new number is taken in with a warning, when tried too', () =>
  withParking(async importing => {
    await importing(sample)
    const [head, first, second] = sample.trimEnd().split('\n')
    const again = [head, first!.replace('P2611000001', 'P2611000091'), second!.replace('2026-11,', '2026-12,').replace('P26110', 'P26120')]
    for (const more of [['--dry-run'], []]) {
      const { code, printed } = await importing(`${again.join('\n')}\n`, ...more)
      assert.equal(code, 0)
      const lines = printed.trim().split('\n')
      assert.match(lines[0]!, /^bills.csv:2: 注意 \/ warning: 同一户号.*under another number.* \(P2611000091, P2611000001\)$/)
      assert.match(lines[1]!, /2 张新账单 new/)
      assert.equal(lines.length, 2)
    }
  }))

test('a file in another encoding is told so once, with both names', () =>
  withParking(async importing => {
    for (const [bytes, found] of [
      [iconv.encode(sample, 'gb18030'), 'GB18030'],
      [iconv.encode(sample, 'utf16le', { addBOM: true }), 'UTF-16'],
    ] as const) {
      const { code, complained } = await importing(bytes)
      assert.equal(code, 1)
      assert.match(complained, new RegExp(`^bills.csv: 文字编码不对.* \\(found "${found}", expected UTF-8\\)\n.*1 处错误`))
    }
  }))

test('half a file is refused whole', () =>
  withParking(async importing => {
    const { code, complained } = await importing(sample.slice(0, -20))
    assert.equal(code, 1)
    assert.match(complained, /^bills.csv:5: 文件末尾不完整，可能被截断，请重新传输 \/ the file ends in mid-line/)
    assert.match((await importing(sample)).printed, /4 张新账单 new/)
  }))

test('an unknown biller is answered with those there are and where to describe a new one', () =>
  withTestDb(async kernel => {
    const biller = billerFileSchema.parse(JSON.parse(readFileSync(new URL('parking.json', EXAMPLES), 'utf8')))
    const file = new URL('parking-2026-11.csv', EXAMPLES).pathname
    const complaint = async () => {
      let complained = ''
      assert.equal(await runImport(kernel, 1, ['bills', '--biller', 'parkin', file], { complain: text => (complained += text) }), 1)
      return complained
    }
    assert.match(await complaint(), /还没有登记任何收费单位 \/ no biller is registered yet/)
    unwrap(await registerBiller(systemCtx(kernel, 1, 'test'), billerOf(biller)))
    assert.match(await complaint(), /there is no biller parkin\n.*known:\n {2}parking .*青砖停车.*\n[\s\S]*docs\/import\.md/)
    let [printed, complained] = ['', '']
    const surroundings = { print: (text: string) => (printed += text), complain: (text: string) => (complained += text) }
    assert.equal(await describeLayout(kernel, 1, 'parkin', surroundings), 1)
    assert.match(complained, /没有编号为 parkin 的收费单位 \/ there is no biller parkin\n.*known:\n {2}parking /)
    assert.equal(await describeLayout(kernel, 1, 'parking', surroundings), 0)
    assert.match(printed, /csv, UTF-8\n[\s\S]*1 {2}车位编号 \(account_no\) {2}text\n[\s\S]*5 {2}停车费 \(parking_fee\) {2}decimal yuan/)
    assert.match(printed, /parking past: csv, UTF-8, .*合计[\s\S]*2 {2}流水号 \(payment_no\) {2}text\n/)
  }))

test('wrong use is answered in both languages and reads nothing', () =>
  withTestDb(async kernel => {
    for (const [argv, words] of [
      [[], /只能导入账单.*cannot import nothing/],
      [['receipts'], /cannot import receipts: only bills or past/],
      [['bills'], /请给出一个文件 \/ name exactly one file/],
      [['bills', 'x.csv'], /缺少 --biller/],
      [['bills', '--biller', 'water', '/nowhere/x.csv'], /没有这个文件：\/nowhere\/x\.csv/],
      [['bills', '--biller', 'water', tmpdir()], /不是文件/],
    ] as const) {
      let complained = ''
      assert.equal(await runImport(kernel, 1, argv, { complain: text => (complained += text) }), 2)
      assert.match(complained, words)
      assert.match(complained, /docs\/import\.md/)
    }
  }))
