import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { root } from './root.ts'

export interface Check {
  readonly name: string
  /** What it makes sure of, for the help text. */
  readonly says: string
  readonly command: readonly string[]
}

export interface CheckResult {
  readonly name: string
  readonly ok: boolean
  readonly ms: number
  readonly output: string
}

const node = [process.execPath, '--import', join(root, 'tools/tsx.mjs')]
const bin = (name: string): string => join(root, 'node_modules/.bin', name)
const tool = (file: string, ...args: string[]): string[] => [...node, join(root, 'tools', file), ...args]

export const checks: readonly Check[] = [
  { name: 'types', says: 'tsc accepts every file', command: [process.execPath, bin('tsc'), '-p', root, '--noEmit'] },
  {
    name: 'lint',
    says: 'biome accepts format and rules',
    command: [process.execPath, bin('biome'), 'check', '--colors=off', '--max-diagnostics=50', root],
  },
  { name: 'boundaries', says: 'modules import only lower ranks, through the door', command: tool('boundaries.ts') },
  {
    name: 'unused',
    says: 'no file, export or dependency is unused',
    command: [process.execPath, bin('knip'), '--no-progress', '--directory', root],
  },
  { name: 'tidy', says: 'sizes, words, folders, comments, message keys', command: tool('tidy.ts') },
  { name: 'shardable', says: 'every key starts with tenant_id, every tenant is kept to itself', command: tool('shardable.ts') },
  { name: 'personal', says: 'every personal column is in the catalogue', command: tool('personal.ts') },
  { name: 'sql', says: 'docs/reference/sql shows the SQL as it is', command: tool('sql-snapshot.ts') },
  { name: 'openapi', says: 'docs/reference/openapi.json shows the API as it is', command: tool('openapi.ts') },
]

/** Runs one check and never throws: a command that cannot start is a failed check. */
export function runCheck({ name, command }: Check): Promise<CheckResult> {
  const started = performance.now()
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    const child = spawn(command[0]!, command.slice(1), {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    })
    const end = (ok: boolean) =>
      resolve({ name, ok, ms: Math.round(performance.now() - started), output: Buffer.concat(chunks).toString('utf8').trim() })
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('error', error => {
      chunks.push(Buffer.from(String(error)))
      end(false)
    })
    child.on('close', code => end(code === 0))
  })
}

/** Runs all checks at once, prints one line each and the words of those that failed. */
export async function runChecks(print: (line: string) => void): Promise<CheckResult[]> {
  const results = await Promise.all(
    checks.map(async check => {
      const result = await runCheck(check)
      print(`${result.ok ? 'ok  ' : 'FAIL'} ${check.name.padEnd(11)} ${(result.ms / 1000).toFixed(1).padStart(5)} s  ${check.says}`)
      return result
    }),
  )
  for (const result of results) if (!result.ok) print(`\n--- ${result.name}\n${result.output}`)
  return results
}
