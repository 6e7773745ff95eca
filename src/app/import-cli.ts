import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { type Kernel, systemCtx } from '#kernel/context.ts'
import { formatYuan } from '#kernel/money.ts'
import {
  billingErrors,
  columnsUsed,
  explainFault,
  findLayouts,
  type ImportInput,
  type ImportReport,
  importBills,
  importPast,
  type Layout,
  listBillers,
  type PastReport,
  paymentColumns,
  type RowError,
} from '#modules/billing/index.ts'
import { refuse } from '#modules/trail/index.ts'
import type { Surroundings } from './client-cli.ts'

export const IMPORT_USAGE = `用法 / usage: yimen import bills|past --biller B FILE [--mapping M] [--dry-run] [--json]
  bills         账单 / bills to be paid
  past          原系统收过的缴费，只供查询，不入账 / payments the system before took: to be looked up, never booked
  --biller B    收费单位的编号，例如 water / id of the biller, e.g. water
  --mapping M   JSON 文件，代替该单位登记的格式 / JSON file with the layout, instead of the biller's own
  --dry-run     全部读取并检查，不作任何改动 / read and check everything, change nothing
  --json        以一份 JSON 输出结果 / print the report as one JSON document
  --help        本说明；连同 --biller 时列出该单位的各列 / this text; with --biller also the columns of that biller

每个收费单位登记自己的格式：CSV、定长文本、xlsx 或 JSON 行；CSV 和定长文本的编码为 UTF-8 或 GB18030，以登记为准。
整份文件要么全部导入，要么一行也不导入；同一文件再次导入没有任何改动。
Each biller declares its own layout: CSV, fixed width, xlsx or JSON lines; CSV and fixed width in UTF-8 or GB18030, as declared.
A file is taken whole or not at all; the same file again changes nothing.

例子 / example:
  yimen import bills --biller water bills.csv --dry-run
  yimen import bills --biller water bills.csv
  yimen import past --biller water paid-until-october.csv
新的收费单位从头做起 / a new biller from zero: docs/import.md
`

interface Arguments {
  readonly what: 'bills' | 'past'
  readonly biller: string
  readonly file: string
  readonly mapping?: unknown
  readonly dryRun: boolean
  readonly json: boolean
}

function readArguments(argv: readonly string[]): Arguments | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { biller: { type: 'string' }, mapping: { type: 'string' }, 'dry-run': { type: 'boolean' }, json: { type: 'boolean' } },
    })
    const [what, file, ...more] = positionals
    if (what !== 'bills' && what !== 'past')
      return `只能导入账单（bills）或历史缴费（past），不能导入 ${what ?? '空'} / cannot import ${what ?? 'nothing'}: only bills or past`
    if (!file || more.length > 0) return '请给出一个文件 / name exactly one file'
    if (!values.biller) return '缺少 --biller / --biller is missing'
    if (!existsSync(file)) return `没有这个文件：${file} / no such file: ${file}`
    if (!statSync(file).isFile()) return `不是文件：${file} / not a file: ${file}`
    const mapping = values.mapping === undefined ? {} : { mapping: JSON.parse(readFileSync(values.mapping, 'utf8')) as unknown }
    return { what, biller: values.biller, file, dryRun: values['dry-run'] ?? false, json: values.json ?? false, ...mapping }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const BAR_CHARS = 30
const BAR_EVERY_MS = 100

/** A bar that redraws itself on a terminal; nothing elsewhere, where the last lines say it all. */
export function progressBar(): { onProgress: NonNullable<ImportInput['onProgress']>; clear(): void } {
  let drawnAt = 0
  return {
    onProgress({ bytes, bytesTotal, rows }) {
      const now = performance.now()
      if (!process.stderr.isTTY || now - drawnAt < BAR_EVERY_MS) return
      drawnAt = now
      const share = bytesTotal === 0 ? 1 : bytes / bytesTotal
      const full = Math.round(share * BAR_CHARS)
      process.stderr.write(
        `\r[${'#'.repeat(full)}${'.'.repeat(BAR_CHARS - full)}] ${String(Math.round(share * 100)).padStart(3)}%  ${rows} rows`,
      )
    },
    clear: () => {
      if (drawnAt > 0) process.stderr.write('\r\x1b[K')
    },
  }
}

/** file:line:column: title: what to do (found …, expected …) */
const LISTED_PER_FAULT_MAX = 10

export const errorLine = (fileName: string, e: RowError): string => {
  const place = e.line === 0 ? fileName : `${fileName}:${e.line}${e.column ? `:${e.column}` : ''}`
  const detail = [e.found !== undefined && `found ${JSON.stringify(e.found)}`, e.expected !== undefined && `expected ${e.expected}`]
    .filter(Boolean)
    .join(', ')
  return `${place}: ${e.title ? `${e.title}: ` : ''}${explainFault(e.code, 'zh-CN')} / ${explainFault(e.code, 'en')}${detail ? ` (${detail})` : ''}`
}

/** A bill taken in that repeats another. */
const warningLine = (fileName: string, e: RowError): string =>
  `${fileName}:${e.line}: 注意 / warning: ${explainFault(e.code, 'zh-CN')} / ${explainFault(e.code, 'en')} (${e.found}, ${e.expected})`

/** The first ten of each fault, and how many there are beyond. */
export function listRows(
  fileName: string,
  rows: readonly RowError[],
  count: number,
  errorLine: (fileName: string, e: RowError) => string,
): string {
  const shown: RowError[] = []
  const seen = new Map<string, number>()
  for (const error of rows) {
    const nth = (seen.get(error.code) ?? 0) + 1
    seen.set(error.code, nth)
    if (nth <= LISTED_PER_FAULT_MAX) shown.push(error)
  }
  const lines = shown.map(error => `${errorLine(fileName, error)}\n`).join('')
  const more = count - shown.length
  return more > 0 ? `${lines}… 另有 ${more} 处 / ${more} more\n` : lines
}

export const counted = (n: number, one: string, many = `${one}s`): string => (n === 1 ? one : many)

const SAME_FILE = '此文件已导入过，没有任何改动 / imported before, nothing changed'
const DONE_WORDS = { imported: '已导入 / imported', checked: '检查通过，未改动 / checked, nothing changed' } as const

export const refusedLines = (r: { fileName: string; errors: readonly RowError[]; errorCount: number }): string =>
  `${listRows(r.fileName, r.errors, r.errorCount, errorLine)}${r.fileName}: ${r.errorCount} 处错误，整批未导入 / ${r.errorCount} ${counted(r.errorCount, 'fault')}, refused, nothing changed\n`

const isBills = (r: ImportReport | PastReport): r is ImportReport => 'newBills' in r

function summaryOf(r: ImportReport | PastReport): string {
  if (r.outcome === 'unchanged') return `${r.fileName}: ${SAME_FILE}\n`
  if (r.outcome === 'refused') return refusedLines(r)
  const head = `${r.fileName}: ${DONE_WORDS[r.outcome]}: ${r.rows} 行 ${counted(r.rows, 'row')}, ${formatYuan(r.totalFen)} 元 yuan`
  const tail = `${(r.took_ms / 1000).toFixed(1)} s\n`
  if (isBills(r))
    return `${listRows(r.fileName, r.warnings, r.warningCount, warningLine)}${head}, ${r.newBills} 张新账单 new, ${r.sameBills} 张已有 known, ${r.zeroBills} 张零元 zero, ${r.newAccounts} 个新户号 new ${counted(r.newAccounts, 'account')}, ${tail}`
  return `${head}, ${r.newPayments} 笔新增 new, ${r.samePayments} 笔已有 known, ${r.voidRows} 笔已撤销未收 taken back, ${r.unknownAccounts} 个户号尚未登记 ${counted(r.unknownAccounts, 'account')} not known yet, ${tail}`
}

export async function unknownBiller(kernel: Kernel, tenantId: number, wanted: string): Promise<string> {
  const known = await listBillers(systemCtx(kernel, tenantId, 'import'))
  const lines = known.map(({ id, nameZh, nameEn }) => `  ${id.padEnd(12)} ${nameZh} / ${nameEn}\n`)
  return `没有编号为 ${wanted} 的收费单位 / there is no biller ${wanted}
${lines.length > 0 ? `已登记的 / known:\n${lines.join('')}` : '还没有登记任何收费单位 / no biller is registered yet\n'}登记新单位：写一份说明文件，列入 settings.json 的 billers 后重新启动，见 docs/import.md
To register one: describe it in a file, name the file under billers in settings.json, start again; see docs/import.md
`
}

/** Prints the columns of a biller's file in their order. Exit codes: 0 done, 1 when there is no such biller. */
export async function describeLayout(
  kernel: Kernel,
  tenantId: number,
  billerId: string,
  { print = text => process.stdout.write(text), complain = text => process.stderr.write(text) }: Omit<Surroundings, 'env'> = {},
): Promise<0 | 1> {
  const layouts = await findLayouts(systemCtx(kernel, tenantId, 'import'), billerId)
  if (!layouts) {
    complain(await unknownBiller(kernel, tenantId, billerId))
    return 1
  }
  print(columnsText(`${billerId} bills`, layouts.bills, columnsUsed(layouts.bills.bill)))
  if (layouts.payments) print(columnsText(`${billerId} past`, layouts.payments, paymentColumns(layouts.payments.payment)))
  return 0
}

function columnsText(title: string, layout: Layout, names: readonly string[]): string {
  const used = new Set(names)
  const column = (c: Layout['columns'][number], i: number): string => {
    const what = [c.type, c.unit, c.type === 'date' && layout.date_format, c.width && `${c.start}+${c.width}`].filter(Boolean).join(' ')
    return `  ${String(i + 1).padStart(3)}  ${c.header ?? c.name} (${c.name})  ${what}${used.has(c.name) ? '' : '  不用 / not read'}\n`
  }
  const encoding = 'encoding' in layout ? `, ${layout.encoding}` : layout.format === 'json' ? ', UTF-8' : ''
  return `\n${title}: ${layout.format}${encoding}${layout.trailer ? `, 末行汇总 / summary record "${layout.trailer.prefix}"` : ''}
各列 / columns:
${layout.columns.map(column).join('')}`
}

/** `yimen import …`. Exit codes: 0 done (or already done), 1 refused or failed, 2 wrong use. */
export async function runImport(
  kernel: Kernel,
  tenantId: number,
  argv: readonly string[],
  { print = text => process.stdout.write(text), complain = text => process.stderr.write(text) }: Omit<Surroundings, 'env'> = {},
): Promise<number> {
  const args = readArguments(argv)
  if (typeof args === 'string') {
    complain(`${args}\n\n${IMPORT_USAGE}`)
    return 2
  }
  const bar = progressBar()
  const ctx = systemCtx(kernel, tenantId, 'import')
  const result = await (args.what === 'bills' ? importBills : importPast)(ctx, {
    billerId: args.biller,
    path: args.file,
    fileName: basename(args.file),
    dryRun: args.dryRun,
    ...(args.mapping !== undefined && { mapping: args.mapping }),
    onProgress: bar.onProgress,
  })
  bar.clear()
  if (!result.ok) {
    if (!args.json && result.error.code === billingErrors.biller_not_found.code) {
      complain(await unknownBiller(kernel, tenantId, args.biller))
      return 1
    }
    if (args.json) print(`${JSON.stringify({ error: result.error })}\n`)
    else
      complain(
        `导入失败，没有任何改动 / failed, nothing changed: ${result.error.code}${result.error.params ? `: ${Object.values(result.error.params).join(', ')}` : `: ${args.biller}`}\n`,
      )
    return 1
  }
  const isDone = result.value.outcome !== 'refused'
  if (!isDone && !args.dryRun)
    await refuse(kernel.db, ctx, { code: billingErrors.file_refused.code, place: `import ${args.what}`, subject: result.value.sha256 })
  if (args.json) print(`${JSON.stringify(result.value)}\n`)
  else (isDone ? print : complain)(summaryOf(result.value))
  return isDone ? 0 : 1
}
