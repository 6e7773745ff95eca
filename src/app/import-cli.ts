import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { type Kernel, systemCtx } from '#kernel/context.ts'
import { formatYuan } from '#kernel/money.ts'
import { billingErrors, explainFault, type ImportInput, type ImportReport, importBills, type RowError } from '#modules/billing/index.ts'
import { refuse } from '#modules/trail/index.ts'

const USAGE = `usage: yimen import bills --biller B FILE [--mapping M] [--dry-run] [--json]
  --biller B    id of the biller, e.g. water
  --mapping M   JSON file with the layout, instead of the biller's own
  --dry-run     read and check everything, change nothing
  --json        print the report as one JSON document
`

interface Arguments {
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
    if (what !== 'bills') return `cannot import ${what ?? 'nothing'}: only bills`
    if (!file || more.length > 0) return 'name exactly one file'
    if (!values.biller) return '--biller is missing'
    if (!existsSync(file)) return `no such file: ${file}`
    const mapping = values.mapping === undefined ? {} : { mapping: JSON.parse(readFileSync(values.mapping, 'utf8')) as unknown }
    return { biller: values.biller, file, dryRun: values['dry-run'] ?? false, json: values.json ?? false, ...mapping }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const BAR_CHARS = 30
const BAR_EVERY_MS = 100

/** A bar that redraws itself on a terminal; nothing elsewhere, where the last lines say it all. */
function progressBar(): { onProgress: NonNullable<ImportInput['onProgress']>; clear(): void } {
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
const errorLine = (fileName: string, e: RowError): string => {
  const place = e.line === 0 ? fileName : `${fileName}:${e.line}${e.column ? `:${e.column}` : ''}`
  const detail = [e.found !== undefined && `found ${JSON.stringify(e.found)}`, e.expected !== undefined && `expected ${e.expected}`]
    .filter(Boolean)
    .join(', ')
  return `${place}: ${e.title ? `${e.title}: ` : ''}${explainFault(e.code, 'zh-CN')} / ${explainFault(e.code, 'en')}${detail ? ` (${detail})` : ''}`
}

function summaryOf(r: ImportReport): string {
  switch (r.outcome) {
    case 'unchanged':
      return `${r.fileName}: 此文件已导入过，没有任何改动 / imported before, nothing changed\n`
    case 'refused':
      return `${r.errors.map(e => errorLine(r.fileName, e)).join('\n')}\n${r.errorCount > r.errors.length ? `… ${r.errorCount - r.errors.length} more\n` : ''}${r.fileName}: ${r.errorCount} 处错误，整批未导入 / refused, nothing changed\n`
    case 'checked':
    case 'imported': {
      const what = r.outcome === 'imported' ? '已导入 / imported' : '检查通过，未改动 / checked, nothing changed'
      return `${r.fileName}: ${what}: ${r.rows} rows, ${formatYuan(r.totalFen)} yuan, ${r.newBills} new, ${r.sameBills} known, ${r.zeroBills} zero, ${r.newAccounts} new accounts, ${(r.took_ms / 1000).toFixed(1)} s\n`
    }
  }
}

/** `yimen import bills …`. Exit codes: 0 done (or already done), 1 refused or failed, 2 wrong use. */
export async function runImport(kernel: Kernel, tenantId: number, argv: readonly string[]): Promise<number> {
  const args = readArguments(argv)
  if (typeof args === 'string') {
    process.stderr.write(`${args}\n${USAGE}`)
    return 2
  }
  const bar = progressBar()
  const ctx = systemCtx(kernel, tenantId, 'import')
  const result = await importBills(ctx, {
    billerId: args.biller,
    path: args.file,
    fileName: basename(args.file),
    dryRun: args.dryRun,
    ...(args.mapping !== undefined && { mapping: args.mapping }),
    onProgress: bar.onProgress,
  })
  bar.clear()
  if (!result.ok) {
    if (args.json) process.stdout.write(`${JSON.stringify({ error: result.error })}\n`)
    else
      process.stderr.write(
        `${result.error.code}${result.error.params ? `: ${Object.values(result.error.params).join(', ')}` : `: ${args.biller}`}\n`,
      )
    return 1
  }
  const isDone = result.value.outcome !== 'refused'
  if (!isDone && !args.dryRun)
    await refuse(kernel.db, ctx, { code: billingErrors.file_refused.code, place: 'import bills', subject: result.value.sha256 })
  if (args.json) process.stdout.write(`${JSON.stringify(result.value)}\n`)
  else (isDone ? process.stdout : process.stderr).write(summaryOf(result.value))
  return isDone ? 0 : 1
}
