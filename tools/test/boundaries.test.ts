import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { checkBoundaries } from '../boundaries.ts'
import { importsOf } from '../imports.ts'

/** A small tree on disk with `files`; what the rules say about it. */
function check(files: Readonly<Record<string, string>>, modules = ['low', 'high']) {
  const base = mkdtempSync(join(tmpdir(), 'yimen-boundaries-'))
  try {
    const all = { 'package.json': '{"imports":{"#modules/*":"./src/modules/*","#kernel/*":"./src/kernel/*"}}', ...files }
    for (const [path, text] of Object.entries(all)) {
      mkdirSync(dirname(join(base, path)), { recursive: true })
      writeFileSync(join(base, path), text)
    }
    return checkBoundaries(base, modules)
  } finally {
    rmSync(base, { recursive: true, force: true })
  }
}

const low = { 'src/modules/low/index.ts': 'export const a = 1', 'src/modules/low/store.ts': 'export const s = 1' }

test('a module may use the door of a lower one', () => {
  const report = check({ ...low, 'src/modules/high/index.ts': "export { a } from '#modules/low/index.ts'" })
  assert.deepEqual(report, { violations: [], modulesSeen: 2, importsSeen: 1 })
})

const forbidden: readonly [string, Record<string, string>, RegExp][] = [
  ['past the door', { 'src/modules/high/index.ts': "import { s } from '#modules/low/store.ts'\ns" }, /rank of high/],
  ['past the door by a relative path', { 'src/modules/high/index.ts': "import { s } from '../low/store.ts'\ns" }, /rank of high/],
  ['past the door in a type', { 'src/modules/high/index.ts': "export type S = typeof import('#modules/low/store.ts')" }, /rank of high/],
  ['past the door while running', { 'src/modules/high/index.ts': "export const s = import('#modules/low/store.ts')" }, /rank of high/],
  [
    'a higher module',
    { 'src/modules/high/index.ts': 'export {}', 'src/modules/low/model.ts': "export * from '#modules/high/index.ts'" },
    /rank of low/,
  ],
  ['the application', { 'src/app/main.ts': 'export {}', 'src/modules/low/model.ts': "import '../../app/main.ts'" }, /module:/],
  ['a module from the kernel', { 'src/kernel/x.ts': "import '#modules/low/index.ts'" }, /kernel:/],
  ['input or output in an engine', { 'src/engines/x.ts': "import 'node:fs'" }, /engines:/],
  ['a store from a page', { 'web/x.tsx': "import { s } from '#modules/low/store.ts'\nexport const P = () => <p>{s}</p>" }, /web:/],
  ['the product from the stand-ins', { 'sandbox/x.ts': "import '#modules/low/index.ts'" }, /sandbox:/],
  ['a module nobody listed', { 'src/modules/other/index.ts': "import 'zod'" }, /unknown module/],
  ['a file that is not there', { 'src/kernel/x.ts': "import './y.ts'" }, /leads to no file/],
]
for (const [name, files, expected] of forbidden) {
  test(`refused: ${name}`, () => {
    const { violations } = check({ ...low, ...files })
    assert.equal(violations.length, 1, violations.join('\n'))
    assert.match(violations[0]!, expected)
  })
}

test('files that need each other are refused, types that name each other are not', () => {
  const ring = (how: string) =>
    check({
      'src/kernel/a.ts': `${how} { b } from './b.ts'\nexport const a = 1`,
      'src/kernel/b.ts': `${how} { a } from './a.ts'\nexport const b = 1`,
    })
  assert.equal(ring('import type').violations.length, 0)
  assert.match(ring('import').violations.join(), /ring of imports: src\/kernel\/a\.ts -> src\/kernel\/b\.ts -> src\/kernel\/a\.ts/)
})

test('a tree without modules is told apart from a tree without faults', () => {
  assert.equal(check({}).modulesSeen, 0)
})

test('names in comments and strings are no imports', () => {
  assert.deepEqual(importsOf("// import 'a'\nconst x = \"import 'b'\"\nimport { type T } from 'c'", false), [{ name: 'c', isType: true }])
})
