alter table billing.settlement_line add column corrects date;
comment on column billing.settlement_line.corrects is 'the settled day this booking belongs to, when it stands in the file of a later one: a payment told late, or a return of what was paid then';
create index settlement_line_corrects on billing.settlement_line (tenant_id, biller_id, corrects) where corrects is not null;
