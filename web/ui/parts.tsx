import type { ComponentChildren } from 'preact'
import { encode } from 'uqr'
import { yuan } from './format.ts'
import type { IconName } from './icons.ts'
import { usePage } from './page.tsx'

type Children = { children: ComponentChildren }
export type Tone = 'now' | 'ok' | 'warn' | 'bad'

export const Icon = ({ name }: { name: IconName }) => (
  <svg class="i" aria-hidden="true">
    <use href={`#i-${name}`} />
  </svg>
)

/** Amount in yuan; `xl` is the largest thing on a page. */
export function Money({ fen, size }: { fen: number; size?: 'lg' | 'xl' }) {
  return (
    <data class={`money${size ? ` money--${size}` : ''}`} value={(fen / 100).toFixed(2)}>
      <small>¥</small>
      {yuan(fen)}
    </data>
  )
}

export const Keep = ({ children }: Children) => <span class="keep">{children}</span>

export const Tag = ({ tone, children }: Children & { tone?: Tone | undefined }) => (
  <span class={`tag${tone ? ` tag--${tone}` : ''}`}>{children}</span>
)

const bannerIcons: Record<Tone, IconName> = { now: 'info', ok: 'check', warn: 'alert', bad: 'alert' }

/** Notice with a heading; `live` announces it when the page opens. */
export function Banner({
  tone = 'now',
  title,
  live,
  children,
}: {
  tone?: Tone
  title: string
  live?: boolean
  children?: ComponentChildren
}) {
  return (
    <div class={`banner${tone === 'now' ? '' : ` banner--${tone}`}`} role={live ? 'alert' : 'note'}>
      <Icon name={bannerIcons[tone]} />
      <div>
        <h2>{title}</h2>
        {children}
      </div>
    </div>
  )
}

export function Section({ title, noPrint, children }: { title: string; noPrint?: boolean } & Children) {
  return (
    <section class={`sec${noPrint ? ' no-print' : ''}`}>
      <h2>{title}</h2>
      {children}
    </section>
  )
}

export const Card = ({ children, kind }: Children & { kind?: 'flush' | 'stack' }) => (
  <div class={`card${kind === 'flush' ? ' card--flush' : kind === 'stack' ? ' stack' : ''}`}>{children}</div>
)

/** How far in the three steps of a payment; `at` is the step of this page, from 1. */
export function Steps({ names, at }: { names: readonly string[]; at: number }) {
  const { t } = usePage()
  return (
    <ol class="steps" aria-label={t('steps.label', { at, of: names.length })}>
      {names.map((name, i) => (
        <li key={name} class={i + 1 < at ? 'is-done' : undefined} aria-current={i + 1 === at ? 'step' : undefined}>
          {name}
        </li>
      ))}
    </ol>
  )
}

export interface SummaryRow {
  label: string
  value: ComponentChildren
  change?: { href: string; what: string }
}

/** Label and value rows; with `change` each row ends in 修改 (check-answers page). */
export function SummaryList({ rows }: { rows: readonly SummaryRow[] }) {
  const { t } = usePage()
  return (
    <dl class="summary">
      {rows.map(row => (
        <div key={row.label}>
          <dt>{row.label}</dt>
          <dd>{row.value}</dd>
          {row.change && (
            <dd>
              <a class="btn btn--link" href={row.change.href}>
                {t('action.change')}
                <span class="unseen">{row.change.what}</span>
              </a>
            </dd>
          )}
        </div>
      ))}
    </dl>
  )
}

export interface Column<Row> {
  title: string
  cell: (row: Row) => ComponentChildren
  /** End-aligned figures. */
  numeric?: boolean
}

/** Table whose first column is the row heading. */
export function Table<Row>(props: {
  caption?: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  total?: readonly ComponentChildren[]
  dense?: boolean
}) {
  const { caption, columns, rows, total } = props
  return (
    <table class={`table${props.dense ? ' table--dense' : ''}`}>
      {caption && <caption>{caption}</caption>}
      <thead>
        <tr>
          {columns.map(c => (
            <th key={c.title} scope="col" class={c.numeric ? 'n' : undefined}>
              {c.title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, r) => (
          <tr key={r}>
            {columns.map((c, i) =>
              i === 0 ? (
                <th key={c.title} scope="row">
                  {c.cell(row)}
                </th>
              ) : (
                <td key={c.title} class={c.numeric ? 'n' : undefined}>
                  {c.cell(row)}
                </td>
              ),
            )}
          </tr>
        ))}
      </tbody>
      {total && (
        <tfoot>
          <tr>
            <th scope="row" colSpan={columns.length - total.length}>
              {usePage().t('table.total')}
            </th>
            {total.map((cell, i) => (
              <td key={columns[i]!.title} class="n">
                {cell}
              </td>
            ))}
          </tr>
        </tfoot>
      )}
    </table>
  )
}

export interface LinkRow {
  href: string
  title: string
  /** Money of the row, in strong figures beside its title. */
  amount?: string
  note?: ComponentChildren
  tag?: { text: string; tone?: Tone }
  end?: ComponentChildren
}

export function LinkList({ rows }: { rows: readonly LinkRow[] }) {
  return (
    <ul class="card card--flush links">
      {rows.map(row => (
        <li key={row.href + row.title}>
          <a href={row.href}>
            <span>
              {row.title}
              {row.amount && (
                <>
                  {' '}
                  <b class="keep">¥{row.amount}</b>
                </>
              )}
              {row.note && <small>{row.note}</small>}
            </span>
            {row.tag && (
              <span class="push">
                <Tag tone={row.tag.tone}>{row.tag.text}</Tag>
              </span>
            )}
            {row.end && <b class="push keep">{row.end}</b>}
            <Icon name="next" />
          </a>
        </li>
      ))}
    </ul>
  )
}

export const LinkButton = (
  props: { href: string; kind?: 'secondary' | 'link'; icon?: IconName; wide?: boolean; download?: boolean } & Children,
) => (
  <a
    class={`btn${props.kind ? ` btn--${props.kind}` : ''}${props.wide ? ' btn--wide' : ''}`}
    href={props.href}
    download={props.download ? true : undefined}
  >
    {props.icon && <Icon name={props.icon} />}
    {props.children}
  </a>
)

export function Button(
  props: {
    kind?: 'secondary' | 'danger' | 'quiet' | 'link'
    icon?: IconName
    wide?: boolean
    big?: boolean
    name?: string
    value?: string
  } & Children,
) {
  return (
    <button
      type="submit"
      class={`btn${props.kind ? ` btn--${props.kind}` : ''}${props.wide ? ' btn--wide' : ''}${props.big ? ' btn--big' : ''}`}
      name={props.name}
      value={props.value}
    >
      {props.icon && <Icon name={props.icon} />}
      {props.children}
    </button>
  )
}

/** Call the hall: offered wherever a page cannot help further. */
export function PhoneButton() {
  const { ctx, t } = usePage()
  return (
    <LinkButton href={`tel:${ctx.phone.replace(/\D/g, '')}`} kind="secondary" icon="phone" wide>
      <span class="call">
        <span>{t('action.call')}</span>
        <span>{ctx.phone}</span>
      </span>
    </LinkButton>
  )
}

/** Empty frame: nothing here, and where to go instead. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="card empty">
      <Icon name="door" />
      <h2>{title}</h2>
      {children}
    </div>
  )
}

export interface PagerView {
  page: number
  pages: number
  prevHref?: string
  nextHref?: string
}

export function Pager({ view }: { view: PagerView }) {
  const { t } = usePage()
  if (view.pages <= 1) return null
  return (
    <nav class="pager" aria-label={t('pager.label')}>
      {view.prevHref && (
        <LinkButton href={view.prevHref} kind="secondary">
          {t('pager.prev')}
        </LinkButton>
      )}
      <span class="t-3">{t('pager.at', { page: view.page, pages: view.pages })}</span>
      {view.nextHref && (
        <LinkButton href={view.nextHref} kind="secondary">
          {t('pager.next')}
        </LinkButton>
      )}
    </nav>
  )
}

export interface QrModules {
  /** Modules on a side, quiet zone of four included. */
  size: number
  /** SVG path over a `size` × `size` box. */
  path: string
}

/** QR symbol, correction level M, with the quiet zone the standard asks for. */
export function qrModules(text: string): QrModules {
  const { data, size } = encode(text, { ecc: 'M', border: 4 })
  let path = ''
  data.forEach((row, y) => {
    for (let x = 0; x < size; x++) {
      if (!row[x]) continue
      let end = x
      while (end < size && row[end]) end++
      path += `M${x} ${y}h${end - x}v1h-${end - x}z`
      x = end
    }
  })
  return { size, path }
}

export function Qr({ text, label, big }: { text: string; label: string; big?: boolean }) {
  const { size, path } = qrModules(text)
  return (
    <svg class={`qr${big ? ' qr--big' : ''}`} viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shape-rendering="crispEdges">
      <path d={path} />
    </svg>
  )
}
