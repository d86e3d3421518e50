-- Which kind of API the calls go to: the stand-in's pictures must not end real jobs, nor may its jobs ever be really bought.

-- NULL until the first start that knows of it.
ALTER TABLE queue ADD COLUMN api TEXT CHECK (api IN ('real', 'sandbox'));
