-- Answers that come inline. What an earlier process had received is recorded after it: no picture is ever recorded beside a
-- call that is open, not billed or unknown.
CREATE TRIGGER pictures_bought BEFORE INSERT ON pictures
WHEN (SELECT billing FROM attempts WHERE job = NEW.job AND number = NEW.attempt) IS NOT 'billed' BEGIN
    SELECT RAISE(ABORT, 'a picture belongs to a call that was billed');
END;
