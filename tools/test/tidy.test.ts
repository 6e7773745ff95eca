import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareMessages, tidyFile, tidyMigration } from '../tidy.ts'

const faulty: readonly [string, string, string][] = [
  ['a file that is too long', 'src/a.ts', 'x\n'.repeat(501)],
  ['a line that is too long', 'src/a.ts', 'x'.repeat(341)],
  ['unfinished work', 'src/a.ts', '// TO' + 'DO later'],
  ['a missing type', 'src/a.ts', 'const a = b as ' + 'any'],
  ['a silenced type checker', 'src/a.ts', '// @ts-' + 'ignore'],
  ['a lonely test', 'src/test/a.test.ts', 'assert; test.on' + "ly('x')"],
  ['a test left out without a word', 'src/test/a.test.ts', 'assert; test(x, { skip: tr' + 'ue })'],
  ['a test that cannot fail', 'src/test/a.test.ts', "test('x', () => {})"],
  ['a path of one machine', 'docs/a.md', 'see /ho' + 'me/someone/x'],
  ['a fixed temporary folder', 'src/a.ts', "const a = '/t" + "mp/x'"],
  ['a name in another style', 'src/someName_x.ts', ''],
]
for (const [name, path, text] of faulty) {
  test(`found: ${name}`, () => assert.equal(tidyFile(path, text).length, 1, tidyFile(path, text).join('\n')))
}

test('ordinary code, messages files and declarations are left alone', () => {
  assert.deepEqual(tidyFile('src/messages.zh-CN.ts', 'export const anyone = 1\n'), [])
  assert.deepEqual(
    tidyFile('src/test/a.test.ts', "import assert from 'node:assert/strict'\ntest('x', { skip: !data && 'needs data' })"),
    [],
  )
})

test('each table says what it holds, partitions excepted', () => {
  assert.deepEqual(
    tidyMigration(
      'm.sql',
      "create table a.b (x int);\ncomment on table a.b is 'why';\ncreate table a.b_1 partition of a.b for values in (1);",
    ),
    [],
  )
  assert.deepEqual(tidyMigration('m.sql', "create table a.b (x int);\n-- comment on table a.b is 'no'"), [
    'm.sql: table a.b has no comment',
  ])
})

test('a text in one language only is found, at any depth', () => {
  assert.deepEqual(compareMessages('m', { a: '1', b: { c: '2' } }, { a: '1', b: { d: '2' } }), [
    'm: b.c has no English',
    'm: b.d has no Chinese',
  ])
})
