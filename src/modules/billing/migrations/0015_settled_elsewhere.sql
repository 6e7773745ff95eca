alter table billing.bill add column settled_elsewhere_at timestamptz;
comment on column billing.bill.settled_elsewhere_at is 'when the biller, asked about the account, first said that the bill is paid. Said to be unpaid later, it is open again; one settled before this installation took over stays settled';
