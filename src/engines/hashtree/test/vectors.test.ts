import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CompactRange, EMPTY_ROOT, leafHash, nodeHash, openNote, parseVkey, verifyInclusion } from '../index.ts'

const root = process.env.YIMEN_REAL_DATA
const skip = root ? false : 'YIMEN_REAL_DATA is not set'

interface Basics {
  emptyRoot: string
  leaf_empty: string
  leaf_L123456: string
  node_N123_N456: string
  leafInputs: string[]
  rootsBySize: string[]
  signedNote: { vkey: string; note: string }
}

interface InclusionVector {
  leafIdx: number
  treeSize: number
  root: string
  leafHash: string
  proof: string[] | null
  desc: string
  wantErr: boolean
}

const basics = () => JSON.parse(readFileSync(join(root!, 'hashtree/basics.json'), 'utf8')) as Basics

test('published hashes and roots are met', { skip }, () => {
  const b = basics()
  assert.equal(EMPTY_ROOT.toString('hex'), b.emptyRoot)
  assert.equal(leafHash('').toString('hex'), b.leaf_empty)
  assert.equal(leafHash('L123456').toString('hex'), b.leaf_L123456)
  assert.equal(nodeHash(Buffer.from('N123'), Buffer.from('N456')).toString('hex'), b.node_N123_N456)
  const range = new CompactRange()
  assert.equal(range.root().toString('hex'), b.rootsBySize[0])
  b.leafInputs.forEach((hex, i) => {
    range.append(leafHash(Buffer.from(hex, 'hex')))
    assert.equal(range.root().toString('hex'), b.rootsBySize[i + 1])
  })
})

test('the published signed note opens with its key and not when its text differs', { skip }, () => {
  const { vkey, note } = basics().signedNote
  const verifier = parseVkey(vkey)
  assert.ok(verifier)
  const opened = { ok: true, text: 'This is an example message.\n', signedBy: ['example.com/foo'], otherLines: 0 }
  assert.deepEqual(openNote(note, [verifier]), opened)
  assert.equal(openNote(note.replace('example message', 'example massage'), [verifier]).ok, false)
})

test('every published inclusion vector is judged as published', { skip }, () => {
  const folder = join(root!, 'hashtree/inclusion')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.json'))
  assert.ok(files.length >= 90, `only ${files.length} vectors found`)
  for (const file of files) {
    const v = JSON.parse(readFileSync(join(folder, file), 'utf8')) as InclusionVector
    const bytes = (text: string) => Buffer.from(text, 'base64')
    const claim = { leaf: bytes(v.leafHash), index: v.leafIdx, size: v.treeSize, path: (v.proof ?? []).map(bytes), root: bytes(v.root) }
    assert.equal(verifyInclusion(claim), !v.wantErr, `${file}: ${v.desc}`)
  }
})
