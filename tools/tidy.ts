import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './root.ts'

const FILE_LINES_MAX = 500
/** Biome formats code to 140; what it cannot break may be a little longer. */
const LINE_CHARS_MAX = 340
const CODE = /\.(ts|tsx|mjs)$/
const TEST = /\.test\.tsx?$/
const FOLDERS = ['src', 'web', 'sandbox', 'bench', 'drills', 'tools', 'test', 'bin']
const SELF = /^tools\/(tidy\.ts|test\/tidy\.test\.ts)$/

interface Word {
  readonly pattern: RegExp
  readonly why: string
  readonly files?: RegExp
}
const words: readonly Word[] = [
  { pattern: /\b(TODO|FIXME|XXX|HACK)\b/, why: 'finish it or leave it out' },
  { pattern: /\bas any\b|:\s*any(?=[\s;,)=[])(?!\s*[a-z])|<any>/, why: 'give it a type' },
  { pattern: /@ts-(ignore|nocheck)/, why: 'make the types right' },
  // A test may pin down that the types refuse something.
  { pattern: /@ts-expect-error/, why: 'make the types right', files: /^(?!.*\.test\.tsx?$)/ },
  { pattern: /\b(test|it|describe)\.only\b|\bonly: true\b/, why: 'other tests would not run', files: TEST },
  { pattern: /\b(test|it|describe)\.(skip|todo)\(|\b(skip|todo): true\b|\.skip\(\)/, why: 'say why it is not run', files: TEST },
  { pattern: /(^|['"`\s(])\/(work|home\/[a-z]+|Users)\//, why: 'a path of one machine' },
  { pattern: /['"`]\/tmp\//, why: 'use os.tmpdir()' },
  { pattern: /\bdebugger\b/, why: 'left over' },
]

/** What is wrong with one file of code or text; an empty list when nothing is. */
export function tidyFile(path: string, text: string): string[] {
  const faults: string[] = []
  const lines = text.split('\n')
  const length = lines.at(-1) === '' ? lines.length - 1 : lines.length
  if (CODE.test(path) && length > FILE_LINES_MAX) faults.push(`${path}: ${length} lines, at most ${FILE_LINES_MAX}`)
  lines.forEach((line, i) => {
    const at = `${path}:${i + 1}`
    if (CODE.test(path) && line.length > LINE_CHARS_MAX) faults.push(`${at}: ${line.length} characters, at most ${LINE_CHARS_MAX}`)
    for (const { pattern, why, files } of words)
      if (!SELF.test(path) && (files ?? /./).test(path) && pattern.test(line))
        faults.push(`${at}: ${pattern.exec(line)![0].trim()}: ${why}`)
  })
  if (TEST.test(path) && !/\bassert\b|\bfc\.assert\b/.test(text)) faults.push(`${path}: no assertion`)
  const name = path.split('/').at(-1)!
  if (CODE.test(path) && !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*$/i.test(name)) faults.push(`${path}: the name is not kebab-case`)
  return faults
}

/** Tables that a migration makes without saying what they hold. */
export function tidyMigration(path: string, sql: string): string[] {
  const bare = sql.replaceAll(/--.*$/gm, '')
  const names = (pattern: RegExp) => [...bare.matchAll(pattern)].map(match => match[1]!.toLowerCase())
  const commented = new Set(names(/comment\s+on\s+table\s+([\w.]+)\s+is/gi))
  const made = names(/create\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?([\w.]+)/gi)
  const parts = new Set(names(/create\s+table\s+(?:if\s+not\s+exists\s+)?([\w.]+)\s+partition\s+of/gi))
  return made
    .filter(table => !table.endsWith('.') && !commented.has(table) && !parts.has(table))
    .map(table => `${path}: table ${table} has no comment`)
}

/** Keys of a message table, nested ones joined by a dot. */
function keysOf(value: unknown, prefix = ''): string[] {
  if (typeof value !== 'object' || value === null) return [prefix]
  return Object.entries(value).flatMap(([key, inner]) => keysOf(inner, prefix ? `${prefix}.${key}` : key))
}

/** Keys that only one of two message tables has. */
export function compareMessages(path: string, zh: unknown, en: unknown): string[] {
  const [left, right] = [new Set(keysOf(zh)), new Set(keysOf(en))]
  return [
    ...[...left.difference(right)].map(key => `${path}: ${key} has no English`),
    ...[...right.difference(left)].map(key => `${path}: ${key} has no Chinese`),
  ]
}

async function tidyMessages(): Promise<string[]> {
  const load = async (file: string): Promise<unknown> => ({ ...((await import(pathToFileURL(join(root, file)).href)) as object) })
  const unwrap = (module: unknown): unknown => Object.values(module as object).find(value => typeof value === 'object') ?? {}
  const faults: string[] = []
  for (const zh of globSync('{src,web}/**/messages.zh-CN.ts', { cwd: root })) {
    const en = zh.replace('zh-CN', 'en')
    if (existsSync(join(root, en))) faults.push(...compareMessages(en, unwrap(await load(zh)), unwrap(await load(en))))
    else faults.push(`${zh}: no ${en}`)
  }
  return faults
}

function tidyModules(): string[] {
  const modules = join(root, 'src/modules')
  const folders = existsSync(modules) ? readdirSync(modules, { withFileTypes: true }).filter(entry => entry.isDirectory()) : []
  return folders.flatMap(({ name }) =>
    ['README.md', 'index.ts'].filter(file => !existsSync(join(modules, name, file))).map(file => `src/modules/${name}: no ${file}`),
  )
}

export async function tidy(): Promise<{ faults: string[]; files: number }> {
  const code = FOLDERS.flatMap(folder => globSync(`${folder}/**/*.{ts,tsx,mjs,css,sql,md}`, { cwd: root }))
  const texts = [...globSync('*.md', { cwd: root }), ...globSync('docs/**/*.md', { cwd: root })]
  const read = (path: string) => readFileSync(join(root, path), 'utf8')
  const files = [...code, ...texts].filter(path => !path.includes('node_modules')).sort()
  const migrations = files.filter(path => /\/migrations\/.*\.sql$/.test(path))
  return {
    files: files.length,
    faults: [
      ...files.flatMap(path => tidyFile(path, read(path))),
      ...migrations.flatMap(path => tidyMigration(path, read(path))),
      ...tidyModules(),
      ...(await tidyMessages()),
    ],
  }
}

if (import.meta.main) {
  const { faults, files } = await tidy()
  for (const fault of faults) process.stdout.write(`${fault}\n`)
  process.stdout.write(`${faults.length} faults in ${files} files\n`)
  if (faults.length > 0 || files === 0) process.exitCode = 1
}
