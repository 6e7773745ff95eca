import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { parseSync } from '@swc/core'

export interface Import {
  /** File that imports, from the root of the tree. */
  readonly from: string
  /** File it leads to, or the package as written; a path of the tree that does not exist stays as it would be. */
  readonly to: string
  readonly line: number
  readonly isMissing: boolean
  /** Only the type checker follows it. */
  readonly isType: boolean
}

type Node = Readonly<Record<string, unknown>> & { readonly type?: string }
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null

/** Calls `visit` for each node of a syntax tree. */
export function walk(value: unknown, visit: (node: Node) => void): void {
  if (Array.isArray(value)) for (const item of value) walk(item, visit)
  else if (isNode(value)) {
    if (typeof value.type === 'string') visit(value)
    for (const child of Object.values(value)) if (isNode(child)) walk(child, visit)
  }
}

const textOf = (node: unknown): string | undefined => (isNode(node) && node.type === 'StringLiteral' ? String(node.value) : undefined)

/** The module names written in one file: static, re-exported, dynamic and in types. */
export function importsOf(source: string, isTsx: boolean): { name: string; isType: boolean }[] {
  const found: { name: string; isType: boolean }[] = []
  const add = (name: string | undefined, isType: boolean) => void (name !== undefined && found.push({ name, isType }))
  walk(parseSync(source, { syntax: 'typescript', tsx: isTsx, target: 'es2024' }), node => {
    if (node.type === 'ImportDeclaration' || node.type === 'ExportNamedDeclaration' || node.type === 'ExportAllDeclaration') {
      const specifiers = (node.specifiers ?? []) as Node[]
      add(textOf(node.source), node.typeOnly === true || (specifiers.length > 0 && specifiers.every(s => s.isTypeOnly === true)))
    }
    if (node.type === 'TsImportType') add(textOf(node.argument), true)
    const callee = node.type === 'CallExpression' && isNode(node.callee) ? node.callee : undefined
    if (callee?.type === 'Import') add(textOf((node.arguments as Node[])[0]?.expression), false)
  })
  return found
}

/** Where a name leads, by the rules of Node: relative paths and the `imports` map of package.json; anything else is a package. */
function resolveName(from: string, name: string, aliases: Readonly<Record<string, string>>): string {
  if (name.startsWith('.')) return posix.normalize(posix.join(dirname(from), name))
  for (const [alias, target] of Object.entries(aliases)) {
    const prefix = alias.replace(/\*$/, '')
    if (name.startsWith(prefix)) return posix.normalize(target.replace('*', name.slice(prefix.length)))
  }
  return name
}

/** Every import of the TypeScript below `folders`, tests included. */
export function readImports(root: string, folders: readonly string[]): { files: string[]; imports: Import[] } {
  const aliases = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { imports?: Record<string, string> }).imports ?? {}
  const files = folders.flatMap(folder => globSync(`${folder}/**/*.{ts,tsx}`, { cwd: root })).sort()
  const imports = files.flatMap(from => {
    const source = readFileSync(join(root, from), 'utf8')
    const lines = source.split('\n')
    return importsOf(source, from.endsWith('.tsx')).map(({ name, isType }) => {
      const to = resolveName(from, name, aliases)
      const isOurs = to !== name
      return {
        from,
        to,
        isType,
        isMissing: isOurs && !existsSync(join(root, to)),
        line: lines.findIndex(line => line.includes(`'${name}'`)) + 1,
      }
    })
  })
  return { files, imports }
}

/** Rings of files that need each other when they run, each named once by its files in order. Imports of types make none. */
export function findCycles(imports: readonly Import[]): string[][] {
  const next = new Map<string, string[]>()
  for (const { from, to, isType } of imports) if (!isType) next.set(from, [...(next.get(from) ?? []), to])
  const done = new Set<string>()
  const cycles: string[][] = []
  const visit = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file)
    if (at >= 0) cycles.push([...path.slice(at), file])
    if (at >= 0 || done.has(file)) return
    for (const to of next.get(file) ?? []) visit(to, [...path, file])
    done.add(file)
  }
  for (const file of next.keys()) visit(file, [])
  return cycles
}
