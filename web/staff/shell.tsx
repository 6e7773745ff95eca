import type { ComponentChildren } from 'preact'
import { PostForm } from '#web/ui/forms.tsx'
import { Brand } from '#web/ui/layout.tsx'
import { type PageContext, type PageOptions, renderPage, usePage } from '#web/ui/page.tsx'
import { Button, type Column, Icon, Table } from '#web/ui/parts.tsx'
import { staffPaths } from './paths.ts'

/** Only who may search is offered the box. */
export const canSearch = (ctx: StaffPageContext): boolean => !ctx.places || ctx.places.some(place => place.href === staffPaths.search)

/** A page of the desk: the visit, and the places this person may go, with what waits there. */
export interface StaffPageContext extends PageContext {
  places?: readonly { href: string; text: string; waiting?: number }[]
}

function Places({ places }: { places: NonNullable<StaffPageContext['places']> }) {
  const { ctx, t } = usePage()
  return (
    <nav class="deskplaces" aria-label={t('staff.places')}>
      {places.map(p => (
        <a key={p.href} href={p.href} aria-current={ctx.path.startsWith(p.href) ? 'page' : undefined}>
          {p.text}
          {!!p.waiting && <b class="count">{p.waiting}</b>}
        </a>
      ))}
    </nav>
  )
}

export interface StaffFrame {
  /** What was searched last, kept in the box. */
  query?: string
}

/** Dense frame of the desk: search always in reach, one line on top, content below. */
export function StaffLayout({ frame, children }: { frame?: StaffFrame; children: ComponentChildren }) {
  const { ctx, t } = usePage()
  const { places } = ctx as StaffPageContext
  return (
    <>
      <a class="skip" href="#main">
        {t('layout.skip')}
      </a>
      <header class="deskbar">
        <Brand href={staffPaths.home} place={t('staff.place')} />
        {ctx.signedIn && (
          <>
            {canSearch(ctx) && (
              <form class="search" action={staffPaths.search} role="search">
                <Icon name="search" />
                <label class="unseen" for="q">
                  {t('staff.search_label')}
                </label>
                <input
                  class="input"
                  id="q"
                  name="q"
                  type="search"
                  value={frame?.query ?? ''}
                  placeholder={t('staff.search_label')}
                  maxLength={80}
                  autoComplete="off"
                />
                <Button kind="secondary">{t('staff.search')}</Button>
              </form>
            )}
            <a class="push t-2 keep" href={staffPaths.me}>
              {ctx.signedIn.name}
            </a>
            <PostForm action={staffPaths.signOut}>
              <Button kind="quiet">{t('staff.sign_out')}</Button>
            </PostForm>
          </>
        )}
      </header>
      {places && places.length > 0 && <Places places={places} />}
      <main id="main" class="deskmain" tabIndex={-1}>
        {children}
      </main>
    </>
  )
}

/** A dense table; where it is wider than the screen it scrolls by itself, and a line says so. */
export function WideTable<Row>({ columns, rows }: { columns: readonly Column<Row>[]; rows: readonly Row[] }) {
  const { t } = usePage()
  return (
    <>
      <p class="widehint t-3 t-sm">{t('staff.wide')}</p>
      <div class="wide">
        <Table dense columns={columns} rows={rows} />
      </div>
    </>
  )
}

/** A pane with a heading, the unit of the desk. */
export function Pane({ title, note, children }: { title: string; note?: string; children: ComponentChildren }) {
  return (
    <section class="card pane">
      <h2>{title}</h2>
      {note && <p class="t-3 t-sm">{note}</p>}
      {children}
    </section>
  )
}

export const renderStaffPage = (ctx: StaffPageContext, page: ComponentChildren, options: PageOptions): string =>
  renderPage({ ...ctx, elder: undefined }, page, { ...options, surface: 'desk', sheet: 'staff.css' })
