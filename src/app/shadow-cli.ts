import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { type Kernel, systemCtx } from '#kernel/context.ts'
import { formatYuan } from '#kernel/money.ts'
import { unwrap } from '#kernel/result.ts'
import { billingErrors, type ShadowedBiller, type ShadowReport, shadowDay, viewShadow } from '#modules/billing/index.ts'
import { refuse } from '#modules/trail/index.ts'
import type { Surroundings } from './client-cli.ts'
import { counted, refusedLines, unknownBiller } from './import-cli.ts'

export const SHADOW_USAGE = `yimen shadow FILE --biller B --day YYYY-MM-DD [--mapping M] [--json]
yimen shadow [--biller B] [--json]

  与原系统并行时，逐日把原系统当天的缴费文件与本系统逐张账单核对；格式与 import past 相同。同一天再来一份，以后一份为准。
  不带文件：列出各日差异和连续无差异的天数。
  While both systems run: holds the file of payments the old one took on a day against ours, bill by bill; its layout is that of import past.
  A later file of a day takes the place of the earlier. Without a file: how the days stand, and how many in a row have no difference.
  退出码 / exit codes: 0 无差异 no difference, 1 未采用 refused, 2 用法不对 wrong use, 3 有差异 differences
`

interface Arguments {
  readonly file?: string
  readonly biller?: string
  readonly day: string
  readonly mapping?: unknown
  readonly json: boolean
}

function readArguments(argv: readonly string[]): Arguments | string {
  const options = { biller: { type: 'string' }, day: { type: 'string' }, mapping: { type: 'string' }, json: { type: 'boolean' } } as const
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true })
    const [file, ...more] = positionals
    const { biller, day = '', json = false } = values
    if (more.length > 0) return '请给出一个文件 / name one file'
    if (file === undefined) return { ...(biller !== undefined && { biller }), day, json }
    if (!biller) return '缺少 --biller / --biller is missing'
    if (!day) return '缺少 --day / --day is missing'
    if (!existsSync(file) || !statSync(file).isFile()) return `没有这个文件 / no such file: ${file}`
    const mapping = values.mapping === undefined ? {} : { mapping: JSON.parse(readFileSync(values.mapping, 'utf8')) as unknown }
    return { file, biller, day, json, ...mapping }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function reportText(r: ShadowReport): string {
  if (r.outcome === 'refused') return refusedLines(r)
  const what = r.outcome === 'unchanged' ? '此文件已核对过 / compared before' : '已核对 / compared'
  const { there_only, here_only, amount, unknown_bill, other_day, settled } = r.found
  return `${r.fileName}: ${r.day} ${what}: 原系统 ${r.rows - r.voidRows} 笔 ${formatYuan(r.totalFen)} 元，差异 ${r.differences} 处 / ${r.rows - r.voidRows} payments there, ${r.differences} ${counted(r.differences, 'difference')}
  仅原系统有 there only ${there_only}, 仅本系统有 here only ${here_only}, 金额不同 amount ${amount}, 账单未登记 unknown bill ${unknown_bill}
  不算差异 explained: 相邻日 other day ${other_day}, 已知他处缴清 paid elsewhere ${settled}
`
}

function trendText({ billerId, days, missing, streak }: ShadowedBiller): string {
  const lines = days.map(
    d => `  ${d.day}  ${d.differences === 0 ? '无差异 / none' : `${d.differences} 处差异 / ${counted(d.differences, 'difference')}`}\n`,
  )
  const gaps = missing.length > 0 ? `  缺文件 / no file: ${missing.join(', ')}\n` : ''
  return `${billerId}: 连续 ${streak.days} 天无差异，截至 ${streak.last} / ${streak.days} ${counted(streak.days, 'day')} in a row without a difference\n${lines.join('')}${gaps}`
}

/** `yimen shadow …`; the exit codes stand in its usage. */
export async function runShadow(
  kernel: Kernel,
  tenantId: number,
  argv: readonly string[],
  { print = text => process.stdout.write(text), complain = text => process.stderr.write(text) }: Omit<Surroundings, 'env'> = {},
): Promise<0 | 1 | 2 | 3> {
  const args = readArguments(argv)
  if (typeof args === 'string') {
    complain(`${args}\n\n${SHADOW_USAGE}`)
    return 2
  }
  const ctx = systemCtx(kernel, tenantId, 'shadow')
  if (args.file === undefined) {
    const billers = unwrap(await viewShadow(ctx)).billers.filter(b => args.biller === undefined || b.billerId === args.biller)
    if (args.json) print(`${JSON.stringify(billers)}\n`)
    else print(billers.length === 0 ? '还没有核对过 / nothing was compared yet\n' : billers.map(trendText).join(''))
    return billers.every(b => (b.days[0]?.differences ?? 0) === 0) ? 0 : 3
  }
  const { file, day, mapping, json } = args
  const billerId = args.biller!
  const done = await shadowDay(ctx, { billerId, day, path: file, fileName: basename(file), ...(mapping !== undefined && { mapping }) })
  if (!done.ok) {
    if (json) print(`${JSON.stringify({ error: done.error })}\n`)
    else if (done.error.code === billingErrors.biller_not_found.code) complain(await unknownBiller(kernel, tenantId, billerId))
    else if (done.error.code === billingErrors.shadow_day.code) complain(`不是已经过去的一天 / not a day that is over: ${day}\n`)
    else
      complain(`未采用，没有任何改动 / failed, nothing changed: ${done.error.code}: ${Object.values(done.error.params ?? {}).join(', ')}\n`)
    return 1
  }
  const isRefused = done.value.outcome === 'refused'
  if (isRefused)
    await refuse(kernel.db, ctx, { code: billingErrors.file_refused.code, place: `shadow ${billerId} ${day}`, subject: done.value.sha256 })
  if (json) print(`${JSON.stringify(done.value)}\n`)
  else (isRefused ? complain : print)(reportText(done.value))
  return isRefused ? 1 : done.value.differences > 0 ? 3 : 0
}
