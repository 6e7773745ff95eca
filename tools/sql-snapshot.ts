import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { parseSync } from '@swc/core'
import { walk } from './imports.ts'
import { root } from './root.ts'

/**
 * Writes the SQL of each module's stores as plain text, by function, so that a change of SQL is seen as SQL in a review.
 * `--write` renews docs/reference/sql; without it a difference is a failure.
 */
export interface Statement {
  readonly name: string
  readonly text: string
}

type Node = Readonly<Record<string, unknown>>
interface Span {
  readonly start: number
  readonly end: number
}
const nodeOf = (value: unknown): Node => value as Node
const isSqlTag = (node: Node): boolean =>
  node.type === 'TaggedTemplateExpression' && nodeOf(node.tag).type === 'Identifier' && nodeOf(node.tag).value === 'sql'

/** A statement with its own $1, $2 …, kept as plain text to be prepared under a name. */
const isStatement = (node: Node): boolean =>
  node.type === 'TemplateLiteral' &&
  /^\s*(with|select|insert into|update|delete from|copy)\s/i.test((node.quasis as { raw: string }[])[0]?.raw ?? '')

/** Text of a template with $1, $2 … where values go; a fragment inside is shown by the name it has in the code. */
function textOf(template: Node, source: Buffer, offset: number): string {
  const quasis = template.quasis as { raw: string; cooked?: string }[]
  const expressions = template.expressions as (Node & { span: Span })[]
  let at = 0
  const written = quasis.map((quasi, i) => {
    const expression = expressions[i]
    const text = quasi.cooked ?? quasi.raw
    if (!expression) return text
    const code = source.subarray(expression.span.start - offset, expression.span.end - offset).toString('utf8')
    const isFragment = /^(join|raw)\b|^empty$/.test(code) || /\bsql`/.test(code)
    return `${text}${isFragment ? `{${code.replaceAll(/\s+/g, ' ').slice(0, 60)}}` : `$${++at}`}`
  })
  return written.join('')
}

/** Lines without the indentation of the code around them. */
function tidyText(text: string): string {
  const lines = text
    .replace(/^\s*\n/, '')
    .trimEnd()
    .split('\n')
  const depths = lines
    .slice(lines[0]!.startsWith(' ') ? 0 : 1)
    .filter(line => line.trim() !== '')
    .map(line => line.length - line.trimStart().length)
  const depth = depths.length > 0 ? Math.min(...depths) : 0
  return lines.map(line => line.slice(Math.min(depth, line.length - line.trimStart().length)).trimEnd()).join('\n')
}

/** Statements of one source file, under the name of the function or constant they stand in. */
export function statementsOf(code: string): Statement[] {
  const source = Buffer.from(code)
  const tree = parseSync(code, { syntax: 'typescript', target: 'es2024' })
  // Positions count through all files parsed so far; the first one tells where this file starts.
  const offset = tree.span.start - leading(source)
  const found: Statement[] = []
  for (const item of tree.body as unknown as Node[]) {
    const declared = item.type === 'ExportDeclaration' ? nodeOf(item.declaration) : item
    const named: [string, unknown][] =
      declared.type === 'FunctionDeclaration'
        ? [[String(nodeOf(declared.identifier).value), declared]]
        : declared.type === 'VariableDeclaration'
          ? (declared.declarations as Node[]).map(one => [String(nodeOf(one.id).value), one.init])
          : []
    for (const [name, body] of named) {
      const inner = new Set<unknown>()
      walk(body, node => {
        const template = isSqlTag(node) ? nodeOf(node.template) : isStatement(node) ? node : undefined
        if (!template || inner.has(node)) return
        walk([template, template.expressions], below => void inner.add(below))
        found.push({ name, text: tidyText(textOf(template, source, offset)) })
      })
    }
  }
  return found
}

/** Bytes of blank space and comments before the first statement, which the parser leaves out of the span. */
function leading(source: Buffer): number {
  const text = source.toString('utf8')
  const blank = /^(?:\s+|\/\/[^\n]*\n|\/\*[\s\S]*?\*\/|#![^\n]*\n)*/.exec(text)?.[0] ?? ''
  return Buffer.byteLength(blank)
}

/** File name in docs/reference/sql -> its text, for each module and the kernel. */
export function snapshots(base: string): Map<string, string> {
  const stores = globSync(['src/modules/*/store.ts', 'src/modules/*/store/*.ts', 'src/modules/*/{confirm,append,sequencer,subscribe}.ts'], {
    cwd: base,
  }).sort()
  const parts = new Map<string, string[]>()
  for (const path of stores) {
    const module = path.split('/')[2]!
    const statements = statementsOf(readFileSync(join(base, path), 'utf8'))
    const texts = statements.map(({ name, text }) => `-- ${name}\n${text};\n`)
    if (texts.length > 0) parts.set(module, [...(parts.get(module) ?? []), `-- ${path}\n`, ...texts])
  }
  return new Map(
    [...parts].map(([module, texts]) => [
      `${module}.sql`,
      `-- Written by tools/sql-snapshot.ts from the code: change the code, then run it with --write.\n\n${texts.join('\n')}`,
    ]),
  )
}

if (import.meta.main) {
  const dir = join(root, 'docs/reference/sql')
  const wanted = snapshots(root)
  const isWrite = process.argv.includes('--write')
  const stale = [...wanted]
    .filter(([name, text]) => !existsSync(join(dir, name)) || readFileSync(join(dir, name), 'utf8') !== text)
    .map(([name]) => name)
  const extra = globSync(join(dir, '*.sql'))
    .map(path => basename(path))
    .filter(name => !wanted.has(name))
  if (isWrite) {
    for (const [name, text] of wanted) {
      mkdirSync(dirname(join(dir, name)), { recursive: true })
      writeFileSync(join(dir, name), text)
    }
    for (const name of extra) rmSync(join(dir, name))
  } else
    for (const name of [...stale, ...extra])
      process.stdout.write(`docs/reference/sql/${name} is not what the code says: node bin/yimen.mjs dev snapshots\n`)
  process.stdout.write(`${wanted.size} modules, ${isWrite ? 0 : stale.length + extra.length} stale\n`)
  if (wanted.size === 0 || (!isWrite && stale.length + extra.length > 0)) process.exitCode = 1
}
