import { moduleNames } from '../src/app/module-names.ts'
import { findCycles, readImports } from './imports.ts'
import { root } from './root.ts'

const FOLDERS = ['src', 'web', 'sandbox', 'bench', 'drills', 'tools', 'test']

export interface Rule {
  readonly name: string
  readonly says: string
  /** Files the rule speaks of; tests are always free to use what they test. */
  readonly from: RegExp
  readonly forbids: RegExp
  readonly except?: RegExp
}

/** What each part may not import, made from the ranked list of modules. */
export function rulesFor(modules: readonly string[]): Rule[] {
  const door = 'index\\.ts$'
  const ranks = modules.map((module, rank) => ({
    name: `rank of ${module}`,
    says: `${module} uses only ${modules.slice(0, rank).join(', ') || 'itself'}, through index.ts`,
    from: new RegExp(`^src/modules/${module}/`),
    forbids: /^src\/modules\//,
    except: new RegExp(`^src/modules/(${module}/|(${['-', ...modules.slice(0, rank)].join('|')})/${door})`),
  }))
  return [
    ...ranks,
    {
      name: 'unknown module',
      says: 'a module stands in src/app/module-names.ts',
      from: new RegExp(`^src/modules/(?!(${modules.join('|')})/)`),
      forbids: /./,
    },
    {
      name: 'module',
      says: 'a module knows neither the application nor the pages nor the stand-ins',
      from: /^src\/modules\//,
      forbids: /^(src\/app|web|sandbox|bench|drills|tools|test)\//,
    },
    {
      name: 'kernel',
      says: 'the kernel knows no business',
      from: /^src\/kernel\//,
      forbids: /^(src\/(modules|app|engines)|web|sandbox|bench|drills|tools|test)\//,
      except: /^src\/app\/module-names\.ts$/,
    },
    {
      name: 'kernel list',
      says: 'only the test kernel reads the list of modules',
      from: /^src\/kernel\/(?!db\/testing\.ts$)/,
      forbids: /^src\/app\/module-names\.ts$/,
    },
    {
      name: 'engines',
      says: 'mathematics has no I/O: engines use engines and ciphers',
      from: /^src\/engines\//,
      forbids: /./,
      except: /^(src\/engines\/|node:crypto$|sm-crypto-v2$)/,
    },
    {
      name: 'app',
      says: 'the application uses the doors of modules',
      from: /^src\/app\//,
      forbids: /^src\/modules\//,
      except: new RegExp(`^src/modules/[^/]+/${door}`),
    },
    {
      name: 'web',
      says: 'pages use the doors of modules, the kernel, the engines and the verifier',
      from: /^web\//,
      forbids: /^(src\/(modules|app)|sandbox|bench|drills|tools|test)\//,
      except: new RegExp(`^src/(modules/[^/]+/${door}|app/verify\\.ts$)`),
    },
    {
      name: 'sandbox',
      says: 'the outside world shares with us only the layout of statements and debit files',
      from: /^sandbox\//,
      forbids: /^(src|web|bench|drills|tools|test)\//,
      except: /^src\/(kernel\/(time|money|random)\.ts$|modules\/payments\/(adapters\/[^/]+\/statement|debit\/layout)\.ts$)/,
    },
    {
      name: 'test folders',
      says: 'only tests use what stands in a test folder',
      from: /^(src|web|sandbox)\//,
      forbids: /^(src|web|sandbox|test)\/(.*\/)?test\//,
    },
  ]
}

export interface BoundaryReport {
  /** One line for each import that is not allowed. */
  readonly violations: readonly string[]
  readonly modulesSeen: number
  readonly importsSeen: number
}

const isTest = (file: string): boolean => /(^|\/)test\//.test(file)

/** Reads the imports of a tree, types included, and compares them with the rules. */
export function checkBoundaries(base: string, modules: readonly string[]): BoundaryReport {
  const { files, imports } = readImports(base, FOLDERS)
  const rules = rulesFor(modules)
  const violations = imports.flatMap(({ from, to, line, isMissing }) => [
    ...(isMissing ? [`${from}:${line} leads to no file: ${to}`] : []),
    ...(isTest(from) ? [] : rules.filter(r => r.from.test(from) && r.forbids.test(to) && !r.except?.test(to))).map(
      r => `${from}:${line} imports ${to} (${r.name}: ${r.says})`,
    ),
  ])
  const cycles = findCycles(imports).map(cycle => `a ring of imports: ${cycle.join(' -> ')}`)
  return {
    violations: [...violations, ...cycles],
    modulesSeen: modules.filter(module => files.some(file => file.startsWith(`src/modules/${module}/`))).length,
    importsSeen: imports.length,
  }
}

if (import.meta.main) {
  const report = checkBoundaries(root, moduleNames)
  for (const line of report.violations) process.stdout.write(`${line}\n`)
  process.stdout.write(`${report.violations.length} violations in ${report.importsSeen} imports of ${report.modulesSeen} modules\n`)
  // A reader that sees nothing finds nothing wrong.
  if (report.violations.length > 0 || report.modulesSeen === 0 || report.importsSeen === 0) process.exitCode = 1
}
