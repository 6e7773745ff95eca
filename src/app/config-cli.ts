import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Kernel, systemCtx } from '#kernel/context.ts'
import { unwrap } from '#kernel/result.ts'
import { dayOf, timeOfDay } from '#kernel/time.ts'
import { findConfigVersion, listConfigVersions } from '#modules/billing/index.ts'
import type { Surroundings } from './client-cli.ts'
import { applyConfig, type ConfigChange, type ConfigPlan, planConfig } from './config/apply.ts'
import { type ConfigDocument, configSchema, readDocument, textOf } from './config/document.ts'

export const CONFIG_USAGE = `yimen config export [FILE] [--version N]
yimen config import FILE [--dry-run] [--json]
yimen config import --version N [--dry-run] [--json]
yimen config versions [--json]

  收费单位及其价目、文件格式、收费规则，片区，分社区开通的计划，合成一份文件，从一处带到另一处。不含人、账单、款项和密钥。
  import：先整份检查；片区、收费单位、地址立即生效；规则和开通计划要两个人的，只提出，由这里的人同意。不删除任何东西。
  --dry-run：只看会变什么。versions：每次带入前后的配置都留着；import --version N 带回那一版。
  Billers with prices, layouts and rules, areas and the switchover as one file, from one installation to another. No people, bills, money or keys.
  import: checked as a whole first; areas, billers and addresses hold at once, what needs two people is only asked for. Nothing is removed.
  --dry-run: what would change. versions: the configuration before and after each import is kept; import --version N brings one back.
  退出码 / exit codes: 0 完成 done, 1 未采用 refused, 2 用法不对 wrong use
`

interface Arguments {
  readonly act: 'export' | 'import' | 'versions'
  readonly file?: string
  readonly version?: number
  readonly dryRun: boolean
  readonly json: boolean
}

function readArguments(argv: readonly string[]): Arguments | string {
  const options = { version: { type: 'string' }, 'dry-run': { type: 'boolean' }, json: { type: 'boolean' } } as const
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true })
    const [act, file, ...more] = positionals
    const version = values.version === undefined ? undefined : Number(values.version)
    if (act !== 'export' && act !== 'import' && act !== 'versions')
      return '请写 export、import 或 versions / say export, import or versions'
    if (more.length > 0) return '请给出一个文件 / name one file'
    if (version !== undefined && !(Number.isSafeInteger(version) && version > 0)) return '--version 要一个整数 / --version takes a number'
    if (act === 'import' && (file === undefined) === (version === undefined)) return '请给出文件或 --version / name a file or --version'
    if (act === 'import' && file !== undefined && (!existsSync(file) || !statSync(file).isFile()))
      return `没有这个文件 / no such file: ${file}`
    const base = { act: act as Arguments['act'], dryRun: values['dry-run'] ?? false, json: values.json ?? false }
    return { ...base, ...(file !== undefined && { file }), ...(version !== undefined && { version }) }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const WHAT: Readonly<Record<ConfigChange['what'], string>> = {
  new: '新增 / new',
  changed: '改动 / changed',
  asked: '待两人同意 / to be agreed here',
  waiting: '已提出，等人同意 / asked already',
  cannot: '不行 / cannot be',
}

const PATHS_SHOWN = 8

function planText({ changes, onlyHere }: ConfigPlan): string {
  const lines = changes.map(c => {
    const about = c.about.slice(0, PATHS_SHOWN).join(', ')
    const rest = c.about.length > PATHS_SHOWN ? ` +${c.about.length - PATHS_SHOWN}` : ''
    return `  ${c.kind} ${c.key}: ${WHAT[c.what]}${about ? ` (${about}${rest})` : ''}\n`
  })
  const here = onlyHere.length > 0 ? `  只有这里有，保留 / only here, left alone: ${onlyHere.length}\n` : ''
  return `${changes.length === 0 ? '没有不同 / no difference\n' : lines.join('')}${here}`
}

/** The document of a file or of a version kept, or what is wrong with it. */
async function readWanted(kernel: Kernel, tenantId: number, { file, version }: Arguments): Promise<ConfigDocument | string> {
  const text = file ? readFileSync(file, 'utf8') : unwrap(await findConfigVersion(systemCtx(kernel, tenantId, 'config'), version!))
  if (text === undefined) return `没有第${version}版 / no version ${version}`
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    return `不是 JSON / not JSON: ${error instanceof Error ? error.message : ''}`
  }
  const parsed = configSchema.safeParse(json)
  return parsed.success
    ? parsed.data
    : parsed.error.issues.map(issue => `${issue.path.join('.') || '(all of it)'}: ${issue.message}`).join('\n')
}

/** `yimen config …`; `declared` are the billers of settings.json. The exit codes stand in its usage. */
export async function runConfig(
  kernel: Kernel,
  tenantId: number,
  argv: readonly string[],
  declared: readonly string[],
  { print = text => process.stdout.write(text), complain = text => process.stderr.write(text) }: Omit<Surroundings, 'env'> = {},
): Promise<0 | 1 | 2> {
  const args = readArguments(argv)
  if (typeof args === 'string') {
    complain(`${args}\n\n${CONFIG_USAGE}`)
    return 2
  }
  const ctx = systemCtx(kernel, tenantId, 'config')
  if (args.act === 'versions') {
    const versions = unwrap(await listConfigVersions(ctx))
    const lines = versions.map(v => `${v.no}  ${dayOf(v.takenAt)} ${timeOfDay(v.takenAt)}  ${v.sha256.slice(0, 16)}\n`)
    print(args.json ? `${JSON.stringify(versions)}\n` : lines.join('') || '还没有带入过 / nothing was brought in yet\n')
    return 0
  }
  if (args.act === 'export') {
    const text = args.version === undefined ? textOf(await readDocument(ctx)) : unwrap(await findConfigVersion(ctx, args.version))
    if (text === undefined) {
      complain(`没有第${args.version}版 / no version ${args.version}\n`)
      return 1
    }
    if (args.file) writeFileSync(args.file, text)
    else print(text)
    return 0
  }
  const wanted = await readWanted(kernel, tenantId, args)
  if (typeof wanted === 'string') {
    complain(`未采用，没有任何改动 / refused, nothing changed:\n${wanted}\n`)
    return 1
  }
  const plan = await planConfig(ctx, wanted, declared)
  const isRefused = plan.changes.some(c => c.what === 'cannot')
  if (!isRefused && !args.dryRun && plan.changes.length > 0) await applyConfig(ctx, wanted, plan)
  if (args.json) print(`${JSON.stringify({ outcome: isRefused ? 'refused' : args.dryRun ? 'checked' : 'imported', ...plan })}\n`)
  else if (isRefused) complain(`未采用，没有任何改动 / refused, nothing changed:\n${planText(plan)}`)
  else print(`${args.dryRun ? '会变的 / would change' : '已带入 / brought in'}:\n${planText(plan)}`)
  return isRefused ? 1 : 0
}
