import { spawn, spawnSync } from 'node:child_process'
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checks, runChecks } from './checks.ts'
import { root } from './root.ts'

const USAGE = `yimen dev <command>

  check                   ${checks.map(c => c.name).join(', ')}
  test [module] [--full]  the checks and every test, or the tests of one module or folder
  snapshots               renew docs/reference from the code
  pictures                take the pictures of the documents anew
  new-module NAME         lay out a module
  bench NAME [args]       run bench/NAME.ts
  drill NAME [args]       run drills/NAME.ts
`
/** How much of a failed check the test report repeats; an environment variable holds 128 KiB. */
const REPEATED_CHARS_MAX = 2_000
/** Longest a single test file may take. */
const TEST_MS_MAX = 300_000
const TEST_FILES = [
  'src/**/test/*.test.ts',
  'src/**/test/*.test.tsx',
  'web/test/*.test.ts',
  'web/test/*.test.tsx',
  'sandbox/test/*.test.ts',
  'test/**/*.test.ts',
  'test/**/*.test.tsx',
  'tools/test/*.test.ts',
]
const CHROMIUM = '/usr/bin/chromium'

const say = (line: string): void => void process.stderr.write(`${line}\n`)

/** Runs a program in the foreground; signals reach it too. */
function foreground(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  const child = spawn(process.execPath, ['--import', join(root, 'tools/tsx.mjs'), ...args], { cwd: root, stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
  return new Promise(resolve => child.on('exit', (code, signal) => resolve(signal ? 1 : (code ?? 1))))
}

const hasCjkFont = (): boolean => spawnSync('fc-list', [':lang=zh-cn', 'family'], { encoding: 'utf8' }).stdout?.trim().length > 0
const hasBrowser = (): boolean => existsSync(process.env.YIMEN_CHROMIUM ?? CHROMIUM)

/** Chromium and a Chinese font, installed where we may; false means that tests with a browser cannot run. */
function ensureBrowser(): boolean {
  if (hasBrowser() && hasCjkFont()) return true
  if (!process.env.YIMEN_CHROMIUM && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    say('Installing Chromium and a Chinese font (first run only) …')
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const apt = (...args: string[]) => spawnSync('apt-get', ['-qq', ...args], { stdio: ['ignore', 'ignore', 2], env })
    apt('update')
    apt('install', '-y', 'chromium', 'fonts-noto-cjk', 'fontconfig')
  }
  if (!hasBrowser()) return false
  if (!hasCjkFont()) say('No Chinese font found: install fonts-noto-cjk to see text in pictures.')
  return true
}

const needsBrowser = (file: string): boolean =>
  /\bopenBrowser\(|\bchromium\.launch|\b(launch|open)Chromium\(/.test(readFileSync(join(root, file), 'utf8'))

/** Test files of one module or folder by its name, or all of them. */
function testFiles(wanted: string | undefined): string[] {
  const all = [...new Set(TEST_FILES.flatMap(pattern => globSync(pattern, { cwd: root })))].sort()
  if (wanted === undefined) return all
  const path = wanted.replace(/^\.\//, '').replace(/\/$/, '')
  const folders = [`src/modules/${path}/`, `src/engines/${path}/`, `src/${path}/`, `test/${path}/`, `${path}/`]
  return all.filter(file => file === path || folders.some(folder => file.startsWith(folder)))
}

async function test(args: readonly string[]): Promise<number> {
  const full = args.includes('--full')
  const unknown = args.filter(arg => arg.startsWith('-') && arg !== '--full')
  const names = args.filter(arg => !arg.startsWith('-'))
  if (unknown.length > 0 || names.length > 1) {
    say(USAGE)
    return 2
  }
  const wanted = names[0]
  let files = testFiles(wanted)
  if (files.length === 0) {
    say(`no tests found${wanted ? ` for ${wanted}` : ''}`)
    return 2
  }
  const browserFiles = files.filter(needsBrowser)
  const notRun = browserFiles.length > 0 && !ensureBrowser() ? browserFiles : []
  files = files.filter(file => !notRun.includes(file))
  const env: NodeJS.ProcessEnv = { ...process.env, ...(full ? { YIMEN_FULL: '1' } : {}) }
  if (wanted === undefined)
    env.YIMEN_CHECKS = JSON.stringify(
      (await runChecks(say)).map(result => ({ ...result, output: result.output.slice(0, REPEATED_CHARS_MAX) })),
    )
  for (const file of notRun)
    say(`NOT RUN ${file}: no browser at ${process.env.YIMEN_CHROMIUM ?? CHROMIUM}; install Chromium or set YIMEN_CHROMIUM`)
  const code =
    files.length === 0
      ? 0
      : await foreground(
          [
            '--test',
            '--test-global-setup=tools/test-setup.ts',
            '--test-reporter=spec',
            '--test-concurrency=2',
            `--test-timeout=${TEST_MS_MAX}`,
            ...files,
          ],
          env,
        )
  return code === 0 && notRun.length > 0 ? 3 : code
}

async function check(): Promise<number> {
  return (await runChecks(say)).every(result => result.ok) ? 0 : 1
}

async function snapshots(): Promise<number> {
  let worst = 0
  for (const tool of ['sql-snapshot', 'openapi', 'personal']) worst = Math.max(worst, await foreground([`tools/${tool}.ts`, '--write']))
  return worst
}

/** A program of its own in `folder`; an unknown name lists those that exist. */
async function program(folder: 'bench' | 'drills', args: readonly string[]): Promise<number> {
  const [name = '', ...rest] = args
  const dir = join(root, folder)
  const runnable = existsSync(dir)
    ? readdirSync(dir).filter(
        file =>
          /^[a-z0-9-]+\.ts$/.test(file) &&
          /process\.argv|process\.stdout|console\.log|await runDrill\(/.test(readFileSync(join(dir, file), 'utf8')),
      )
    : []
  if (runnable.includes(`${name}.ts`)) return foreground([join(folder, `${name}.ts`), ...rest])
  say(
    `${name ? `unknown: ${name}\n` : ''}${folder === 'bench' ? 'benchmarks' : 'drills'}: ${runnable.map(file => file.slice(0, -3)).join(', ') || 'none'}`,
  )
  return 2
}

function main([command, ...rest]: readonly string[]): Promise<number> {
  switch (command) {
    case 'check':
      return check()
    case 'test':
      return test(rest)
    case 'snapshots':
      return snapshots()
    case 'pictures':
      return foreground(['tools/pictures.ts'])
    case 'new-module':
      return foreground(['tools/new-module.ts', ...rest])
    case 'bench':
      return program('bench', rest)
    case 'drill':
      return program('drills', rest)
    default:
      process.stderr.write(USAGE)
      return Promise.resolve(2)
  }
}

process.exitCode = await main(process.argv.slice(2))
